"""The settings, read from mappings that the caller hands in and never from the process itself."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from plane_guard.hosts import DEFAULT_HOSTS, client_hosts, read_entry

OPT_IN_VARIABLE = "PLANE_TEST_WRITE_ENABLED"
SANDBOX_VARIABLE = "PLANE_TEST_SANDBOX_PROJECTS"
PROTECTED_VARIABLE = "PLANE_GUARD_PROTECTED_PROJECTS"
HOSTS_VARIABLE = "PLANE_GUARD_HOSTS"
TEST_PROCESS_VARIABLE = "PLANE_GUARD_TEST_PROCESS"
ALSO_VARIABLE = "PLANE_GUARD_ALSO"
ALSO_GUARD = frozenset({"always", "worktrees"})
"""The values of `also_guard`, which `plane_guard_watch` acts on."""

DEFAULT_SANDBOX_PROJECT = "8c5a3025-4f9d-4190-b79f-fa06276bb27e"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})
_LONGEST_SETTING = 65_536
_SHOWN = 60
_NAMED = 3


class _Values(NamedTuple):
    write_enabled: bool
    sandbox_projects: frozenset[str]
    protected_projects: frozenset[str]
    hosts: frozenset[str]
    protection_known: bool
    problems: tuple[str, ...]


class Settings(_Values):
    """Everything that a decision depends on besides the request. A malformed value never allows more.

    ``sandbox_projects`` and ``protected_projects`` are project keys. A bad entry is dropped from the former. In the
    latter it makes ``protection_known`` false, which blocks every write. ``problems`` has a sentence for each bad
    value, with its remedy.
    """

    __slots__ = ()

    def __new__(  # noqa: PLR0913, PLR0917  the fields of a tuple
        cls,
        write_enabled: object = False,  # noqa: FBT002  fields of a tuple
        sandbox_projects: object = frozenset({DEFAULT_SANDBOX_PROJECT}),
        protected_projects: object = frozenset(),
        hosts: object = DEFAULT_HOSTS,
        protection_known: object = True,  # noqa: FBT002  fields of a tuple
        problems: Iterable[str] = (),
    ) -> Self:
        """Normalize the values; invalid entries never widen what is allowed."""
        sandbox, dropped = _project_keys(sandbox_projects)
        protected, unusable = _project_keys(protected_projects)
        return super().__new__(
            cls,
            write_enabled=is_true(write_enabled),
            sandbox_projects=sandbox,
            protected_projects=protected,
            hosts=_host_names(hosts)[0],
            protection_known=protection_known is True and not unusable,
            problems=(
                *problems,
                *_sandbox_problems("sandbox_projects", dropped),
                *_protected_problems("protected_projects", unusable),
            ),
        )

    @classmethod
    def from_environ(
        cls,
        environ: Mapping[str, str],
        pyproject: Mapping[str, object] | None = None,
        *,
        pyproject_problem: str = "",
    ) -> Self:
        """Read the settings from environment variables and the table ``[tool.plane_guard]``.

        The environment's allowlist replaces the table's; hosts and protected projects are the union of both. A table
        that could not be read (``pyproject_problem`` says why) may have held protected projects: no write is allowed.
        """
        table = pyproject or {}
        problems = [pyproject_problem] if pyproject_problem else []
        opt_in = environ.get(OPT_IN_VARIABLE, "")
        if not is_true(opt_in) and opt_in.strip().lower() not in _FALSE:
            problems.append(f"{OPT_IN_VARIABLE}={_shown(opt_in)} counts as off; it is on only for 1, true, yes or on.")
        allowed: object = environ.get(SANDBOX_VARIABLE)
        source = SANDBOX_VARIABLE
        if allowed is None:
            source, allowed = "sandbox_projects", table.get("sandbox_projects", DEFAULT_SANDBOX_PROJECT)
        sandbox, dropped = _project_keys(allowed)
        protected, unusable = _union(
            _project_keys, environ.get(PROTECTED_VARIABLE, ""), table.get("protected_projects", "")
        )
        hosts, strange = _union(_host_names, environ.get(HOSTS_VARIABLE, ""), table.get("hosts", ""))
        problems += _sandbox_problems(source, dropped)
        if not sandbox and not dropped:
            problems.append(f"{source} is empty and allows nothing. Write the project's id, or remove the setting.")
        problems += _protected_problems(f"{PROTECTED_VARIABLE} or protected_projects", unusable)
        problems += _name_problems(table.get("project_names", {}))
        problems += _also_problems(environ.get(ALSO_VARIABLE, ""), table.get("also_guard", ""))
        problems += [
            f"{HOSTS_VARIABLE} or hosts: {name} is not a host name such as plane.example.com and is ignored."
            for name in _some(strange)
        ]
        hosts |= DEFAULT_HOSTS | client_hosts(environ)
        return cls(opt_in, sandbox, protected, hosts, not unusable and not pyproject_problem, problems)


def project_names(table: Mapping[str, object]) -> dict[str, str]:
    """Return the names for people, by project key, of the table ``[tool.plane_guard.project_names]``.

    A name plays no part in a decision, so a bad entry is left out.
    """
    names = table.get("project_names")
    entries = names.items() if isinstance(names, Mapping) else ()
    return {key: name for entry, name in entries if (key := _project_key(entry)) and isinstance(name, str) and name}


def is_true(value: object) -> bool:
    """Return if a switch is on: ``True``, or one of 1, true, yes, on in any case. Everything else is off."""
    return value is True or (isinstance(value, str) and len(value) <= _SHOWN and value.strip().lower() in _TRUE)


def _entries(value: object) -> list[object]:
    if isinstance(value, str):
        return [value] if len(value) > _LONGEST_SETTING else [*value.replace(",", " ").split()]
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        return list(value)
    return [value]


def _project_keys(value: object) -> tuple[frozenset[str], tuple[object, ...]]:
    keys: set[str] = set()
    rejected: list[object] = []
    for entry in _entries(value):
        key = _project_key(entry)
        if key is None:
            rejected.append(entry)
        else:
            keys.add(key)
    return frozenset(keys), tuple(rejected)


def _project_key(entry: object) -> str | None:
    # Changes no result: the tests for other keys need not be loaded when a process starts.
    if type(entry) is str and entry == DEFAULT_SANDBOX_PROJECT:  # pragma: no mutate
        return entry
    from plane_guard.keys import is_project_key, is_uuid

    if not isinstance(entry, str) or len(entry) > _LONGEST_SETTING:
        return None
    text = entry.strip()
    if is_uuid(text.lower()):
        return text.lower()
    return text if is_project_key(text) else None


def _host_names(value: object) -> tuple[frozenset[str], tuple[object, ...]]:
    names: set[str] = set()
    rejected: list[object] = []
    for entry in _entries(value):
        name = read_entry(entry) if isinstance(entry, str) else None
        if name is not None:
            names.add(name)
        else:
            rejected.append(entry)
    return frozenset(names), tuple(rejected)


def _union(read: object, *values: object) -> tuple[frozenset[str], tuple[object, ...]]:
    assert callable(read)  # noqa: S101
    results = [read(value) for value in values]
    return frozenset().union(*(names for names, _ in results)), tuple(
        bad for _, rejected in results for bad in rejected
    )


def _sandbox_problems(source: str, dropped: tuple[object, ...]) -> list[str]:
    return [
        f"{source}: {entry} is not a project key and allows nothing. Write the project's id, such as "
        f"{DEFAULT_SANDBOX_PROJECT}, or workspace-slug/IDENTIFIER."
        for entry in _some(dropped)
    ]


def _protected_problems(source: str, unusable: tuple[object, ...]) -> list[str]:
    return [
        f"{source}: {entry} is not a project key, so which project it protects is unknown and every write is "
        "blocked. Write the project's id or workspace-slug/IDENTIFIER."
        for entry in _some(unusable)
    ]


def _name_problems(names: object) -> list[str]:
    if not isinstance(names, Mapping):
        return ["project_names: it is not a table of project keys and names, and is ignored. Write a table."]
    bad = tuple(key for key, name in names.items() if _project_key(key) is None or not isinstance(name, str))
    return [f"project_names: {entry} has no project key or no name, and is ignored." for entry in _some(bad)]


def _also_problems(*values: object) -> list[str]:
    bad = tuple(entry for value in values for entry in _entries(value) if entry not in ALSO_GUARD)
    allowed = " or ".join(sorted(ALSO_GUARD))
    return [f"{ALSO_VARIABLE} or also_guard: {entry} is not {allowed}, and is ignored." for entry in _some(bad)]


def _some(entries: tuple[object, ...]) -> list[str]:
    """Return the first of many bad entries. If there are more, the last one shown says how many."""
    shown = [_shown(entry) for entry in entries[:_NAMED]]
    more = len(entries) - _NAMED
    return [*shown[:-1], f"{shown[-1]} (and {more} more)"] if more > 0 else shown


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
