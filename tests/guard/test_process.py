"""What counts as evidence of tests, and what is fixed once a process has started."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar

import pytest

import plane_guard_watch
from plane_guard import DEFAULT_HOSTS, Settings, in_test_process, process
from tests.guard.plane import PROD, SANDBOX

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process as if nothing had been found or fixed yet."""
    monkeypatch.setattr(plane_guard_watch.STATE, "evidence", "")
    monkeypatch.setattr(plane_guard_watch.STATE, "installer", threading.get_ident())  # evidence installs nothing here
    monkeypatch.setattr(process._State, "fixed", None)
    monkeypatch.setattr(process._State, "learned_on_loopback", ())
    monkeypatch.setattr(process._State, "is_allowlist_fixed", False)
    monkeypatch.setattr(process._State, "is_opt_in_heard", True)
    for name in [name for name in os.environ if name.startswith(("PLANE_", "PYTEST_"))]:
        monkeypatch.delenv(name)
    return monkeypatch


def main(spec: object) -> Mapping[str, object]:
    """The modules of a process whose main module has this spec."""
    return {"__main__": SimpleNamespace(__spec__=spec)}


PYTEST = {"pytest": None}
UNITTEST = main(SimpleNamespace(name="unittest.__main__"))
FOUND: dict[str, tuple[Mapping[str, object], Mapping[str, str], str]] = {
    "nothing": ({}, {}, ""),
    "pytest's inner package": ({"_pytest": None}, {}, "pytest is imported"),
    "pytest before all": ({**PYTEST, **UNITTEST}, {"PYTEST_VERSION": ""}, "pytest is imported"),
    "the current test before the version": (
        {}, {"PYTEST_VERSION": "", "PYTEST_CURRENT_TEST": ""}, "PYTEST_CURRENT_TEST is set"),
    "pytest's variables before ours": (
        {}, {"PLANE_GUARD_TEST_PROCESS": "1", "PYTEST_VERSION": ""}, "PYTEST_VERSION is set"),
    "our variable before unittest": (UNITTEST, {"PLANE_GUARD_TEST_PROCESS": "1"}, "PLANE_GUARD_TEST_PROCESS is set"),
    "our variable, off": (UNITTEST, {"PLANE_GUARD_TEST_PROCESS": "0"}, "unittest is the main module"),
    "unittest by its package": (main(SimpleNamespace(name="unittest")), {}, "unittest is the main module"),
    "a part of unittest": (main(SimpleNamespace(name="unittest.mock")), {}, ""),
    "a script": (main(None), {}, ""),
    "a main module without a spec": ({"__main__": object()}, {}, ""),
}  # fmt: skip


@pytest.mark.parametrize(("modules", "environ", "evidence"), FOUND.values(), ids=FOUND.keys())
def test_evidence_is_looked_for_in_this_order(
    modules: Mapping[str, object], environ: Mapping[str, str], evidence: str
) -> None:
    assert plane_guard_watch.look(modules, environ) == evidence


def test_the_first_evidence_is_kept(fresh: pytest.MonkeyPatch) -> None:
    process.note_evidence("the command line says so")
    process.note_evidence("something else says so too")
    assert (process.in_test_process(), in_test_process()) == ("the command line says so",) * 2


def test_no_evidence_is_no_evidence(fresh: pytest.MonkeyPatch) -> None:
    process.note_evidence("")
    assert process.in_test_process() == "pytest is imported"


def test_only_the_opt_in_and_the_allowlist_are_read_anew(fresh: pytest.MonkeyPatch) -> None:
    fresh.setenv("PLANE_GUARD_HOSTS", "one.example")
    start = process.settings()
    fresh.setenv("PLANE_GUARD_HOSTS", "two.example")
    fresh.setenv("PLANE_TEST_WRITE_ENABLED", "on")
    fresh.setenv("PLANE_TEST_SANDBOX_PROJECTS", PROD)
    later = process.settings()
    assert start == Settings(hosts=DEFAULT_HOSTS | {"one.example"})
    assert later == Settings(write_enabled=True, sandbox_projects=[PROD], hosts=DEFAULT_HOSTS | {"one.example"})


def test_an_allowlist_in_the_environment_at_the_start_is_not_fixed(fresh: pytest.MonkeyPatch) -> None:
    fresh.setenv("PLANE_TEST_SANDBOX_PROJECTS", PROD)
    assert process.fix().sandbox_projects == {SANDBOX}
    assert process.settings().sandbox_projects == {PROD}
    fresh.delenv("PLANE_TEST_SANDBOX_PROJECTS")
    assert process.settings().sandbox_projects == {SANDBOX}


def test_the_environment_narrows_the_allowlist_of_pyproject_and_adds_to_it_on_loopback_only(
    fresh: pytest.MonkeyPatch,
) -> None:
    process.fix({"sandbox_projects": [SANDBOX, "acme/BOX"]})
    fresh.setenv("PLANE_TEST_SANDBOX_PROJECTS", f"{PROD} acme/BOX")
    assert process.settings().sandbox_projects == {"acme/BOX"}
    assert process.settings(is_loopback=True).sandbox_projects == {PROD, "acme/BOX"}
    process.fix({})
    assert process.settings().sandbox_projects == {PROD, "acme/BOX"}


def test_an_opt_in_that_is_not_heard_does_not_count(fresh: pytest.MonkeyPatch) -> None:
    fresh.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    assert process.settings().write_enabled
    assert process.hear_opt_in(heard=False) is True
    assert not process.settings().write_enabled
    assert process.hear_opt_in(heard=True) is False
    assert process.settings().write_enabled


def test_what_a_parent_hands_down_adds_to_what_this_process_has(fresh: pytest.MonkeyPatch) -> None:
    fresh.setenv("PLANE_GUARD_HOSTS", "one.example")
    process.fix({"protected_projects": [PROD]}, handed_down={"PLANE_GUARD_HOSTS": "two.example"})
    assert process.fixed().hosts == DEFAULT_HOSTS | {"one.example", "two.example"}
    handed = process.handed_down()
    assert handed == {
        "PLANE_GUARD_HOSTS": ",".join(sorted(process.fixed().hosts)),
        "PLANE_GUARD_PROTECTED_PROJECTS": PROD,
    }
    fresh.setattr(process._State, "fixed", None)
    fresh.delenv("PLANE_GUARD_HOSTS")
    child = process.fix({}, handed_down=handed)
    assert child.hosts == DEFAULT_HOSTS | {"one.example", "two.example"}
    assert child.protected_projects == {PROD}


def test_a_child_does_not_know_what_is_protected_if_its_parent_did_not(fresh: pytest.MonkeyPatch) -> None:
    process.fix({}, pyproject_problem="pyproject.toml: fix line 3.")
    handed = process.handed_down()
    fresh.setattr(process._State, "fixed", None)
    assert process.fix({}, handed_down=handed).protection_known is False


def test_nothing_is_handed_down_for_protected_projects_if_there_are_none(fresh: pytest.MonkeyPatch) -> None:
    process.fix({})
    assert list(process.handed_down()) == ["PLANE_GUARD_HOSTS"]


def test_the_allowlist_of_pyproject_holds_where_the_environment_says_nothing(fresh: pytest.MonkeyPatch) -> None:
    process.fix({"sandbox_projects": [PROD], "hosts": ["h"], "protected_projects": ["acme/LIVE"]})
    expected = Settings(sandbox_projects=[PROD], protected_projects=["acme/LIVE"], hosts=DEFAULT_HOSTS | {"h"})
    assert (process.fixed(), process.settings()) == (expected, expected)
    fresh.setattr(os, "environ", {})
    assert process.settings() == expected


class Misleading(dict[str, str]):
    """An environment that some other code has put in place of Python's."""

    _data: ClassVar[dict[bytes, bytes]] = {b"PLANE_TEST_WRITE_ENABLED": b"1"}


def test_what_another_environment_holds_within_is_not_what_it_says(fresh: pytest.MonkeyPatch) -> None:
    fresh.setattr(os, "environ", Misleading())
    assert process.settings().write_enabled is False
    os.environ["PLANE_TEST_WRITE_ENABLED"] = "on"
    assert process.settings().write_enabled is True


def test_a_later_value_can_add_protection_but_not_take_it_away(fresh: pytest.MonkeyPatch) -> None:
    fresh.setenv("PLANE_GUARD_PROTECTED_PROJECTS", PROD)
    process.fix()
    fresh.setenv("PLANE_GUARD_PROTECTED_PROJECTS", SANDBOX)
    assert process.settings().protected_projects == {PROD, SANDBOX}
    fresh.delenv("PLANE_GUARD_PROTECTED_PROJECTS")
    assert process.settings().protected_projects == {PROD}


def test_protection_that_was_unknown_once_stays_unknown(fresh: pytest.MonkeyPatch) -> None:
    fresh.setenv("PLANE_GUARD_PROTECTED_PROJECTS", "half")
    process.fix()
    fresh.delenv("PLANE_GUARD_PROTECTED_PROJECTS")
    assert (process.settings().protection_known, process.fix().protection_known) == (False, False)


def test_protection_can_become_unknown(fresh: pytest.MonkeyPatch) -> None:
    process.fix()
    fresh.setenv("PLANE_GUARD_PROTECTED_PROJECTS", "half")
    assert process.settings().protection_known is False
    assert process.fix().protection_known is False


LEARNED = {
    ("plane.example.com", 443): "plane.example.com",
    ("PLANE.example.com.", 80): "plane.example.com",
    ("plane.example.com", None): "plane.example.com",
    ("plane.example.com", 8443): "plane.example.com:8443",
    ("localhost", 80): "localhost:80",
    ("127.0.0.1", 8000): "127.0.0.1:8000",
    ("::1", 8000): "[::1]:8000",
}


@pytest.mark.parametrize(("host", "port", "entry"), [(*key, value) for key, value in LEARNED.items()])
def test_a_learned_host_is_a_plane_host_from_then_on(
    fresh: pytest.MonkeyPatch, host: str, port: int | None, entry: str
) -> None:
    assert entry not in process.settings().hosts
    process.learn_host(host, port)
    expected = DEFAULT_HOSTS | {entry}
    assert (process.fixed().hosts, process.settings().hosts, process.fix().hosts) == (expected, expected, expected)


def test_only_the_latest_ports_of_loopback_stay_learned(fresh: pytest.MonkeyPatch) -> None:
    process.learn_host("plane.example.com", 8443)
    for port in range(8000, 8000 + process._MOST_ON_LOOPBACK + 2):
        process.learn_host("127.0.0.1", port)
    kept = {f"127.0.0.1:{port}" for port in range(8002, 8002 + process._MOST_ON_LOOPBACK)}
    assert process.settings().hosts == DEFAULT_HOSTS | {"plane.example.com:8443"} | kept


def test_listeners_hear_of_each_learned_host_once(fresh: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    fresh.setattr(process._State, "on_host_learned", ())
    process.on_host_learned(heard.append)
    process.on_host_learned(heard.append)
    for port in (8000, 8000, 8001):
        process.learn_host("127.0.0.1", port)
    process.learn_host("api.plane.so", 443)
    assert heard == ["127.0.0.1:8000", "127.0.0.1:8001"]


def test_fixing_again_adds_hosts_and_protection_and_keeps_the_allowlist(fresh: pytest.MonkeyPatch) -> None:
    process.fix({"sandbox_projects": [], "hosts": ["one"], "protected_projects": [PROD]})
    again = process.fix()
    assert again == Settings(
        sandbox_projects=[], hosts=DEFAULT_HOSTS | {"one"}, protected_projects=[PROD], problems=again.problems
    )
    assert [problem.partition(" ")[0] for problem in again.problems] == ["sandbox_projects"]
    table = process.fix({"sandbox_projects": ["acme/S"], "hosts": ["two"], "protected_projects": [SANDBOX]})
    assert table == Settings(
        sandbox_projects=["acme/S"],
        hosts=DEFAULT_HOSTS | {"one", "two"},
        protected_projects=[PROD, SANDBOX],
        problems=again.problems,
    )
    assert process.fixed() == table


def test_an_unreadable_pyproject_blocks_and_says_so_once(fresh: pytest.MonkeyPatch) -> None:
    fresh.setenv("PLANE_TEST_WRITE_ENABLED", "maybe")
    process.fix(pyproject_problem="pyproject.toml: fix line 3.")
    settings = process.settings()
    assert (settings.protection_known, settings.problems) == (
        False,
        (
            "pyproject.toml: fix line 3.",
            "PLANE_TEST_WRITE_ENABLED='maybe' counts as off; it is on only for 1, true, yes or on.",
        ),
    )


def test_settings_are_read_again_only_where_something_changed(fresh: pytest.MonkeyPatch) -> None:
    first = process.settings()
    assert process.settings() is first
    fresh.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    assert process.settings().write_enabled is True
    fresh.delenv("PLANE_TEST_WRITE_ENABLED")
    assert (process.settings(), process.settings().write_enabled) == (first, False)
    process.fix({"sandbox_projects": [PROD], "protected_projects": [SANDBOX]})
    assert process.settings().sandbox_projects == {PROD}
    assert process.settings().protected_projects == {SANDBOX}


def test_children_get_all_protected_projects_or_learn_that_they_are_unknown(fresh: pytest.MonkeyPatch) -> None:
    process.fix({"protected_projects": [PROD, SANDBOX]})
    assert process.handed_down()["PLANE_GUARD_PROTECTED_PROJECTS"] == ",".join(sorted((PROD, SANDBOX)))
    process.fix({"protected_projects": ["not a key"]})
    assert process.handed_down()["PLANE_GUARD_PROTECTED_PROJECTS"] == "unknown-in-parent-process"
