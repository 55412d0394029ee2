"""Settings: what each value means, and that garbage never allows more than no value at all."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard import DEFAULT_HOSTS, Settings, decide
from plane_guard.settings import is_true, project_names
from tests.guard.plane import PROD, SANDBOX, names

if TYPE_CHECKING:
    from collections.abc import Mapping

OPT_IN = "PLANE_TEST_WRITE_ENABLED"
ALLOWED = "PLANE_TEST_SANDBOX_PROJECTS"
PROTECTED = "PLANE_GUARD_PROTECTED_PROJECTS"
HOSTS = "PLANE_GUARD_HOSTS"
ON = {OPT_IN: "1"}
THIRD = "99999999-90d7-4f0e-8a3b-5c4d3e2f1a0b"
SANDBOX_PROBLEM = (
    "{}: '*' is not a project key and allows nothing. Write the project's id, such as "
    "8c5a3025-4f9d-4190-b79f-fa06276bb27e, or workspace-slug/IDENTIFIER."
)
PROTECTED_PROBLEM = (
    "{}: '*' is not a project key, so which project it protects is unknown and every write is blocked. "
    "Write the project's id or workspace-slug/IDENTIFIER."
)


def held(*entries: str) -> frozenset[str]:
    """A set as settings hold it."""
    return frozenset(entries)


def test_the_defaults_allow_nothing_and_know_the_sandbox() -> None:
    assert Settings() == Settings.from_environ({}) == Settings.from_environ({}, {}) == Settings.from_environ({}, None)
    assert Settings() == (False, held(SANDBOX), held(), DEFAULT_HOSTS, True, ())


@pytest.mark.parametrize("value", ["1", "true", "yes", "on", "TRUE", "Yes", "oN", " 1 ", "true\n", "1".rjust(60), True])
def test_a_switch_is_on_for_these(value: object) -> None:
    assert is_true(value)
    assert Settings(write_enabled=value).write_enabled is True


OFF = ["", " ", "0", "false", "no", "off", "OFF", "No"]
UNKNOWN = ["2", "11", "y", "t", "enabled", "tru", "1;", "1 1", "*", "\x00", "\uff11", "ja", "y" * 58, "-1", "True!",
           "1" * 1_000_000, "1".rjust(61)]  # fmt: skip


@pytest.mark.parametrize("value", [*OFF, *UNKNOWN, None, 1, 1.0, b"1", ["1"], {"1": 1}, object()])
def test_a_switch_is_off_for_everything_else(value: object) -> None:
    assert not is_true(value)
    assert Settings(write_enabled=value).write_enabled is False


@pytest.mark.parametrize("value", [*OFF, "1", "Yes"])
def test_a_known_value_of_the_opt_in_is_no_problem(value: str) -> None:
    assert Settings.from_environ({OPT_IN: value}).problems == ()


@pytest.mark.parametrize("value", UNKNOWN)
def test_an_unknown_value_of_the_opt_in_is_off_and_said(value: str) -> None:
    settings = Settings.from_environ({OPT_IN: value})
    shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}…"
    expected = f"PLANE_TEST_WRITE_ENABLED={shown} counts as off; it is on only for 1, true, yes or on."
    assert (settings.write_enabled, settings.problems) == (False, (expected,))


KEYS = {
    PROD: {PROD},
    PROD.upper(): {PROD},
    f" {PROD}\n": {PROD},
    f"{PROD},{SANDBOX}": {PROD, SANDBOX},
    f"{PROD} ,\n\t{SANDBOX},,": {PROD, SANDBOX},
    "acme/ORCH": {"acme/ORCH"},
    "Ac-me_1/Orch": {"Ac-me_1/Orch"},
    f"a{'b' * 63}/{'C' * 12}": {f"a{'b' * 63}/{'C' * 12}"},
}


@pytest.mark.parametrize(("value", "keys"), KEYS.items(), ids=names(KEYS))
def test_project_keys_are_read_from_text(value: str, keys: set[str]) -> None:
    settings = Settings.from_environ({ALLOWED: value, PROTECTED: value})
    expected = (frozenset(keys), frozenset(keys), True, ())
    assert (
        settings.sandbox_projects,
        settings.protected_projects,
        settings.protection_known,
        settings.problems,
    ) == expected


def test_project_keys_are_read_from_tables() -> None:
    table = {"sandbox_projects": [PROD.upper(), " acme/ORCH "], "protected_projects": (SANDBOX,), "hosts": ["h"]}
    settings = Settings.from_environ({}, table)
    assert settings == (False, held(PROD, "acme/ORCH"), held(SANDBOX), DEFAULT_HOSTS | {"h"}, True, ())


GARBAGE: dict[str, Any] = {
    "a wildcard": "*",
    "a wildcard for a project": "acme/*",
    "half an id": SANDBOX[:18],
    "an id and a letter": f"{SANDBOX}x",
    "an id without dashes": SANDBOX.replace("-", ""),
    "an id as urn": f"urn:uuid:{SANDBOX}",
    "an id in quotes": f'"{SANDBOX}"',
    "an id behind a semicolon": f";{SANDBOX}",
    "an identifier": "ORCH",
    "a slug": "acme/",
    "a slug that is too long": f"a{'b' * 64}/ORCH",
    "an identifier that is too long": f"acme/{'C' * 13}",
    "a path": f"acme/projects/{SANDBOX}",
    "all": "all",
    "true": "true",
    "a zero byte": "\x00",
    "a million characters": "x" * 1_000_000,
    "a million characters that hold the id": f"{SANDBOX},{' ' * 1_000_000}",
    "other digits": SANDBOX.replace("8", "\uff18"),
}
WRONG_TYPES: dict[str, Any] = {
    "a bool": True,
    "a number": 1,
    "a table": {SANDBOX: 1},
    "bytes": SANDBOX.encode(),
    "a list of lists": [[SANDBOX]],
    "a list of numbers": [1.5],
    "a list with nothing": [None],
    "a list with a blank": [" "],
    "a list with an empty text": [""],
    "a date": object(),
}


@pytest.mark.parametrize("value", GARBAGE.values(), ids=GARBAGE.keys())
def test_a_bad_allowlist_in_the_environment_allows_nothing(value: str) -> None:
    settings = Settings.from_environ({**ON, ALLOWED: value}, {"sandbox_projects": [PROD]})
    assert (settings.sandbox_projects, settings.protection_known) == (frozenset(), True)
    assert [decide(project, "update", settings=settings, in_test=True).allowed for project in (SANDBOX, PROD)] == [
        False
    ] * 2


@pytest.mark.parametrize(
    "value", [*GARBAGE.values(), *WRONG_TYPES.values()], ids=[*GARBAGE.keys(), *WRONG_TYPES.keys()]
)
def test_a_bad_allowlist_in_a_table_allows_nothing(value: object) -> None:
    for settings in (
        Settings.from_environ(ON, {"sandbox_projects": value}),
        Settings(write_enabled=True, sandbox_projects=value),
    ):
        assert (settings.write_enabled, settings.sandbox_projects, len(settings.problems)) == (True, frozenset(), 1)
        assert decide(SANDBOX, "update", settings=settings, in_test=True) == (False, "prod-project-in-test")


@pytest.mark.parametrize(
    "value", [*GARBAGE.values(), *WRONG_TYPES.values()], ids=[*GARBAGE.keys(), *WRONG_TYPES.keys()]
)
def test_bad_protection_blocks_every_write(value: object) -> None:
    tables = (
        Settings.from_environ(ON, {"protected_projects": value}),
        Settings(write_enabled=True, protected_projects=value),
    )
    for settings in (*tables, Settings.from_environ({**ON, PROTECTED: value if isinstance(value, str) else "*"})):
        assert (settings.protected_projects, settings.protection_known, len(settings.problems)) == (
            frozenset(),
            False,
            1,
        )
        assert decide(SANDBOX, "update", settings=settings, in_test=True) == (False, "guard-error")


def test_a_bad_entry_leaves_the_good_ones() -> None:
    settings = Settings.from_environ({ALLOWED: f"*,{PROD}", PROTECTED: f"{THIRD},half"})
    assert (settings.sandbox_projects, settings.protected_projects, settings.protection_known) == (
        held(PROD),
        held(THIRD),
        False,
    )


@pytest.mark.parametrize("value", ["", " ", ",", "\n, \t"])
def test_an_allowlist_that_is_set_but_empty_allows_nothing_and_is_said(value: str) -> None:
    for name, settings in (
        (ALLOWED, Settings.from_environ({**ON, ALLOWED: value}, {"sandbox_projects": [SANDBOX]})),
        ("sandbox_projects", Settings.from_environ(ON, {"sandbox_projects": value})),
    ):
        problem = f"{name} is empty and allows nothing. Write the project's id, or remove the setting."
        assert (settings.sandbox_projects, settings.problems) == (frozenset(), (problem,))


def test_empty_protection_protects_nothing_more() -> None:
    assert Settings.from_environ({PROTECTED: " ", HOSTS: ""}, {"protected_projects": [], "hosts": []}) == Settings()


def test_the_allowlist_of_the_environment_replaces_the_table_s() -> None:
    assert Settings.from_environ({ALLOWED: PROD}, {"sandbox_projects": [SANDBOX, THIRD]}).sandbox_projects == {PROD}


def test_protection_and_hosts_are_the_union_of_all_sources() -> None:
    settings = Settings.from_environ(
        {PROTECTED: PROD, HOSTS: "one.example"}, {"protected_projects": [THIRD], "hosts": ["two.example"]}
    )
    assert (settings.protected_projects, settings.hosts) == (
        held(PROD, THIRD),
        DEFAULT_HOSTS | {"one.example", "two.example"},
    )


def test_a_table_that_could_not_be_read_blocks_every_write() -> None:
    settings = Settings.from_environ(ON, pyproject_problem="pyproject.toml is broken: fix line 3.")
    assert (settings.protection_known, settings.problems) == (False, ("pyproject.toml is broken: fix line 3.",))
    assert decide(SANDBOX, "update", settings=settings, in_test=True) == (False, "guard-error")


HOST_NAMES = {
    "plane.example.com": "plane.example.com",
    "PLANE.example.com.": "plane.example.com",
    "https://plane.example.com/api?x#y": "plane.example.com",
    "https://user:pw@plane.example.com:8443/": "plane.example.com:8443",
    "plane:8000": "plane:8000",
    "127.0.0.1:8000": "127.0.0.1:8000",
    "http://localhost/": "localhost",
    "[::1]:8000": "[::1]:8000",
    "http://[2001:DB8::1]/": "2001:db8::1",
    "plane.example.com:": "plane.example.com",
    "plane.example.com:0": "plane.example.com",
    "plane.example.com:65536": "plane.example.com",
    "plane.example.com:port": "plane.example.com",
    "plane.example.com:\u0663": "plane.example.com",
    "10.0.0.1": "10.0.0.1",
    "https://plane.example/x://other": "plane.example",
    "my_plane": "my_plane",
    "p": "p",
    "plané.example": "xn--plan-epa.example",
    "plane.example?x": "plane.example",
    "plane.example#x": "plane.example",
    "a" * 253: "a" * 253,
}


@pytest.mark.parametrize(("value", "host"), HOST_NAMES.items(), ids=names(HOST_NAMES))
def test_a_host_is_read_from_a_name_or_a_url(value: str, host: str) -> None:
    for settings in (Settings.from_environ({HOSTS: value}), Settings.from_environ({}, {"hosts": [value]})):
        assert (settings.hosts, settings.problems) == (DEFAULT_HOSTS | {host}, ())


@pytest.mark.parametrize(
    "value", ["*", "-x", "x-", "[::g]", "[:", "a..b\\c", "a" * 254, "x" * 1_000_000, "@", "plane!"]
)
def test_a_bad_host_is_ignored_and_said(value: str) -> None:
    settings = Settings.from_environ({HOSTS: value})
    shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}…"
    problem = f"PLANE_GUARD_HOSTS or hosts: {shown} is not a host name such as plane.example.com and is ignored."
    assert (settings.hosts, settings.problems) == (DEFAULT_HOSTS, (problem,))


@pytest.mark.parametrize("value", [True, 7, b"h", {"h": 1}, [1], [None]])
def test_hosts_of_a_wrong_type_are_ignored_and_said(value: object) -> None:
    settings = Settings.from_environ({}, {"hosts": value})
    assert (settings.hosts, len(settings.problems)) == (DEFAULT_HOSTS, 1)
    assert Settings(hosts=value).hosts == frozenset()


def test_problems_say_what_is_wrong_where_and_how_to_mend_it() -> None:
    protected = PROTECTED_PROBLEM.format("PLANE_GUARD_PROTECTED_PROJECTS or protected_projects")
    assert [
        Settings.from_environ({ALLOWED: "*", PROTECTED: "*"}).problems,
        Settings.from_environ({}, {"sandbox_projects": ["*"], "protected_projects": ["*"]}).problems,
        Settings(sandbox_projects="*", protected_projects="*", problems=["x"]).problems,
    ] == [
        (SANDBOX_PROBLEM.format(ALLOWED), protected),
        (SANDBOX_PROBLEM.format("sandbox_projects"), protected),
        ("x", SANDBOX_PROBLEM.format("sandbox_projects"), PROTECTED_PROBLEM.format("protected_projects")),
    ]


@pytest.mark.parametrize("environ", [{ALLOWED: "* " * 30_000}, {PROTECTED: "x " * 30_000}, {HOSTS: "* " * 30_000}])
def test_many_bad_entries_make_few_short_problems(environ: Mapping[str, str]) -> None:
    problems = Settings.from_environ(environ).problems
    assert (len(problems), max(map(len, problems)) < 400, "(and 29997 more)" in problems[-1]) == (3, True, True)
    assert not any("more)" in problem for problem in problems[:-1])


@pytest.mark.parametrize(("value", "more"), [("a b c", ""), ("a b c d", "(and 1 more)"), ("a b c d e", "(and 2 more)")])
def test_three_bad_entries_are_named_and_the_others_counted(value: str, more: str) -> None:
    problems = Settings.from_environ({ALLOWED: value}).problems
    assert [problem.split("'")[1] for problem in problems] == ["a", "b", "c"]
    assert ["more)" in problem for problem in problems] == [False, False, bool(more)]
    assert f"'c' {more}".strip() in problems[2]


@pytest.mark.parametrize("variable", [ALLOWED, PROTECTED, HOSTS, OPT_IN])
def test_a_million_characters_make_one_short_problem(variable: str) -> None:
    problems = Settings.from_environ({variable: "x" * 1_000_000}).problems
    assert [len(problem) < 400 for problem in problems] == [True]


def test_an_allowlist_of_full_length_is_read_and_a_longer_one_is_not() -> None:
    longest = f"{PROD},".ljust(65_536)
    assert Settings.from_environ({ALLOWED: longest}).sandbox_projects == {PROD}
    assert Settings.from_environ({ALLOWED: longest + " "}).sandbox_projects == frozenset()
    assert Settings(sandbox_projects=[PROD.ljust(65_536)]).sandbox_projects == {PROD}
    assert Settings(sandbox_projects=[PROD.ljust(65_537)]).sandbox_projects == frozenset()


def test_a_changed_copy_cannot_switch_writing_on_by_text() -> None:
    settings = Settings()._replace(write_enabled="yes")  # type: ignore[arg-type]
    assert decide(SANDBOX, "update", settings=settings, in_test=True) == (False, "opt-in-disabled")


@pytest.mark.parametrize("known", [1, "true", None, False])
def test_protection_is_known_only_when_it_is_said_to_be(known: object) -> None:
    assert Settings(protection_known=known).protection_known is False


def test_settings_travel() -> None:
    settings = Settings("on", [PROD], [THIRD], ["h"], None, ["x"])
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert settings == (True, held(PROD), held(THIRD), held("h"), False, ("x",))


def test_names_for_people_are_read_by_project_key() -> None:
    table = {"project_names": {PROD.upper(): "ORCH (production)", "acme/ORCH": "ORCH", "x": "no key", SANDBOX: 1}}
    assert project_names(table) == {PROD: "ORCH (production)", "acme/ORCH": "ORCH"}
    others: list[dict[str, object]] = [{}, {"project_names": []}, {"project_names": {SANDBOX: ""}}]
    assert [project_names(other) for other in others] == [{}] * 3
    assert Settings.from_environ({}, table).problems == (
        "project_names: 'x' has no project key or no name, and is ignored.",
        f"project_names: '{SANDBOX}' has no project key or no name, and is ignored.",
    )
    assert Settings.from_environ({}, {"project_names": 1}).problems == (
        "project_names: it is not a table of project keys and names, and is ignored. Write a table.",
    )


def test_what_else_is_guarded_is_one_of_two_words() -> None:
    good = Settings.from_environ({"PLANE_GUARD_ALSO": "always"}, {"also_guard": ["worktrees"]})
    bad = Settings.from_environ({"PLANE_GUARD_ALSO": "sometimes"}, {"also_guard": 1})
    assert good.problems == ()
    assert bad.problems == (
        "PLANE_GUARD_ALSO or also_guard: 'sometimes' is not always or worktrees, and is ignored.",
        "PLANE_GUARD_ALSO or also_guard: 1 is not always or worktrees, and is ignored.",
    )
