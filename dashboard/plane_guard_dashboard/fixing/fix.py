"""From the blocks of one test to the smallest change that makes it safe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plane_guard import advice, mocks
from plane_guard.hosts import is_loopback
from plane_guard.vocabulary import PROTECTED_OPS, Reason
from plane_guard_dashboard.fixing import patch, source
from plane_guard_instrumentation.testing.variables import PROJECT_VARIABLES, URL_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plane_guard_dashboard.fixing.attempts import Attempt

FIXTURE = "fake_plane"
_ONE_LINE = (
    "One line makes the test safe: it requests the fixture fake_plane, a Plane server on this machine that the\n"
    f"variables of Plane's clients ({URL_VARIABLES[0]}, {PROJECT_VARIABLES[0]}, …) name while the test runs."
)
_BY_HAND = (
    "Its source was not found from here. Add it by hand: def {name}(fake_plane, …), or on a method of unittest\n"
    '@pytest.mark.usefixtures("fake_plane").'
)
_NO_TEST = (
    "No test was running, so no fixture of a test can help. Move the call out of imports and of fixtures with a wider\n"
    "scope into the tests that need it, or mock it there."
)
_NEVER = "No fixture and no setting allows it in a test process, because {why}. Mock it."
_ABOVE = "it is above projects"
_PROTECTED = "it would change the sandbox project itself, or its members"
_NOT_ANSWERED = "fake_plane does not answer this route. Mock it."
_OTHER_ADDRESS = (
    f"The test requests fake_plane, and its client has an address that does not come from {URL_VARIABLES[0]} while\n"
    "the test runs, such as a constant that was set at import. Read the variable when the client is made, or replace\n"
    "the address in one fixture for all tests: monkeypatch.setattr(MODULE, NAME, fake_plane.url)."
)
_OTHER_PROJECT = (
    "The test requests fake_plane, and the write names another project, {project}. Take the project from\n"
    f"{PROJECT_VARIABLES[0]} or from fake_plane.project."
)
_OTHER_OBJECT = (
    "The test requests fake_plane, and the write names an object that its sandbox project does not hold. Create the\n"
    "object in the test, or add it first: fake_plane.seed(work_items=[{'id': …, 'name': …}])."
)
_TOO_EARLY = (
    "The test requests fake_plane, and the write was sent before or after the time of the test, by a fixture with a\n"
    "wider scope or in another thread. Let a fixture of the test send it, and request fake_plane there."
)
_OWN_SERVER = (
    "The server is on this machine. If it is a fake Plane of yours, allowlist its project in the test:\n"
    '  monkeypatch.setenv("PLANE_TEST_SANDBOX_PROJECTS", "{project}")\n'
    '  monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")\n'
    "Or request the fixture fake_plane, which does both, and take its url."
)


@dataclass(frozen=True, slots=True)
class Fix:
    """A proposal for one test: `advice` in words, `diff` for its file if a line helps, and `mocks` by library."""

    test: str
    attempts: tuple[Attempt, ...]
    advice: str
    insertions: tuple[source.Insertion, ...] = ()
    path: Path | None = None
    diff: str = ""
    mocks: tuple[tuple[str, str], ...] = ()


def fix(attempts: Sequence[Attempt], root: Path | None = None) -> Fix:
    """Return the proposal for the blocked writes of one test.

    Args:
        attempts: The unexpected blocks of the test, at least one.
        root: The folder to which the node ids of the tests are relative: pytest's rootdir. The default is the
            working directory.

    """
    root = root or Path.cwd()
    test = attempts[0].test
    found = source.find(test, root) if test else None
    text = next(filter(None, (_obstacle(one, found) for one in attempts)), "")
    insertions = found.request(FIXTURE) if found and not text else ()
    if not text:
        text = _ONE_LINE if found else f"{_ONE_LINE}\n{_BY_HAND.format(name=_function_name(test))}"
    return Fix(
        test=test,
        attempts=tuple(attempts),
        advice=text,
        insertions=insertions,
        path=found.path if found else None,
        diff=patch.of_file(found.path, insertions, root) if found and insertions else "",
        mocks=tuple(_mocks(attempts)),
    )


def combined(fixes: Iterable[Fix], root: Path) -> str:
    """Return one patch with the lines of all proposals, file by file."""
    by_file: dict[Path, list[source.Insertion]] = {}
    for one in fixes:
        if one.path and one.insertions:
            by_file.setdefault(one.path, []).extend(one.insertions)
    return "".join(patch.of_file(path, by_file[path], root) for path in sorted(by_file))


def _obstacle(attempt: Attempt, test: source.Test | None) -> str:
    """Return the advice for an attempt that the fixture alone does not make safe; empty if it does."""
    is_here, requested = is_loopback(attempt.server_address), test is not None and test.requests(FIXTURE)
    protected = attempt.op in PROTECTED_OPS
    rows = (
        (attempt.reason in {Reason.GUARD_ERROR, Reason.UNGUARDED_CLIENT}, advice.what_to_do(attempt.reason)),
        (not attempt.test, _NO_TEST),
        (protected or _is_above(attempt), _NEVER.format(why=_PROTECTED if protected else _ABOVE)),
        (requested and not is_here, _OTHER_ADDRESS),
        (requested and attempt.reason == Reason.FOREIGN_REFERENCE, _OTHER_OBJECT),
        (requested and attempt.reason == Reason.PROD_PROJECT_IN_TEST, _OTHER_PROJECT.format(project=attempt.project)),
        (requested and attempt.reason == Reason.OPT_IN_DISABLED, _TOO_EARLY),
        (requested, advice.what_to_do(attempt.reason)),
        (is_here and bool(attempt.project), _OWN_SERVER.format(project=attempt.project)),
        (not _is_answered(attempt), _NOT_ANSWERED),
    )
    return next((text for holds, text in rows if holds), "")


def _is_above(attempt: Attempt) -> bool:
    return not attempt.project and "/workspaces/" in attempt.url_template and "{project_id}" not in attempt.url_template


def _is_answered(attempt: Attempt) -> bool:
    from plane_guard_instrumentation.testing.server import answers  # it builds route tables

    return answers(attempt.method, attempt.url_template)


def _mocks(attempts: Sequence[Attempt]) -> list[tuple[str, str]]:
    mocked = [one for one in attempts if one.reason != Reason.UNGUARDED_CLIENT]
    by_layer = {one.layer: [other.route for other in mocked if other.layer == one.layer] for one in mocked}
    return [
        (mock.library, mock.code(routes, mocks.WHOLE_PATH))
        for layer, routes in by_layer.items()
        for mock in mocks.for_layer(layer)
    ]


def _function_name(test: str) -> str:
    return test.partition("[")[0].rpartition("::")[2] or "test_it"
