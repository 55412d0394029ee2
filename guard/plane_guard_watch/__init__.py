"""Watch this Python process for evidence that it runs tests, and install the guard with the first evidence.

`plane_guard.pth` loads this module in every Python process of the environment, so it imports only what every
Python process has loaded, and does as little as it can: look for evidence that is already there, and put a finder where
it sees imports.

PYTEST_DONT_REWRITE: it is imported long before pytest could rewrite it.
"""

import builtins
import os
import sys
from _thread import allocate_lock, get_ident  # before anything replaces them

TYPE_CHECKING = False  # importing `typing` would cost more than everything else here
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import NoReturn

SCRUBBED = ("PLANE_TEST_WRITE_ENABLED", "PLANE_TEST_SANDBOX_PROJECTS")
TEST_PROCESS_VARIABLE = "PLANE_GUARD_TEST_PROCESS"
PARENT_VARIABLE = "PLANE_GUARD_PARENT"
ALSO_VARIABLE = "PLANE_GUARD_ALSO"
TRUE = frozenset({"1", "true", "yes", "on"})
ALWAYS, WORKTREES = "always", "worktrees"

# Packages that do nothing but run tests: importing one is evidence.
RUNNER_PACKAGES = frozenset(
    {"_pytest", "avocado.core.job", "green", "mamba", "nose", "nose2", "pytest", "stestr", "testify", "twisted.trial",
     "ward", "xdoctest.runner", "zope.testrunner"}
)  # fmt: skip
# Modules that a live program may import too. `startup.runners` wraps what runs or loads a test in them.
RUNNER_MODULES = frozenset(
    {"_pytest.config", "avocado.core.test", "behave.runner", "django.test.runner", "django.test.utils", "doctest",
     "robot.running.model", "subunit.run", "sybil.example", "testtools.run", "testtools.testcase", "unittest.case",
     "unittest.loader", "unittest.main", "unittest.suite"}
)  # fmt: skip
# Clients that bring their own network code, in Rust or Go. They are reported, because nothing can check them.
NATIVE_CLIENTS = frozenset(
    {"httpr", "hrequests", "impit", "noble_tls", "primp", "pyreqwest", "pyreqwest_impersonate", "reqwest_impersonate",
     "rnet", "ry", "tls_client", "wreq"}
)  # fmt: skip
# A child of a guarded process can send nothing before it imports one of these, so until then it loads nothing of us.
NETWORK_MODULES = frozenset({"_cffi_backend", "_socket", "_ssl", "pycurl", "uvloop.loop"}) | NATIVE_CLIENTS

# Before a test replaces it: a marker under the id of another process would guard that process's descendants.
getpid = os.getpid
# Windows has no fork.
register_at_fork = getattr(os, "register_at_fork", lambda **_: None)

_EXIT_UNGUARDED = 78
_PYTEST_VARIABLES = ("PYTEST_CURRENT_TEST", "PYTEST_VERSION")
_MOST_ANCESTORS = 64
_STAT_BYTES = 4096
_PARENT_FIELD, _START_FIELD = 1, 19  # of /proc/<pid>/stat, counted behind the command's closing bracket
_PRIVATE = 0o077
_KIND, _FOLDER = 0o170000, 0o040000  # of `st_mode`: the module `stat` is not loaded yet


class _State:
    """All state of this module."""

    def __init__(self) -> None:
        self.at_start = False  # the interpreter's own start-up file called `watch`, so it does in every child
        self.evidence = ""
        self.inherited: Mapping[str, str] | None = None
        self.marker = ""  # of the guarded process that this one descends from, or of this one
        self.ancestor = ""  # marker of the guarded process that this one descends from
        self.finder: _Finder | None = None
        self.lock = allocate_lock()
        self.installer = 0  # the thread that installs the guard at this moment
        self.is_guarded = False
        self.sees_forks = False


STATE = _State()


class _Finder:
    """See imports of watched modules. Every other import passes with one look into a set."""

    def __init__(self) -> None:
        self.watched: set[str] = {*RUNNER_PACKAGES, *RUNNER_MODULES}
        # Kept, because a test may empty `sys.modules`, and a second import would load the guard again.
        self.find: Callable[..., ModuleSpec | None] | None = None

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Return the spec that the finders behind this one found, with a loader that reports the import."""
        if name not in self.watched:
            return None
        if self.find is None:
            try:
                from plane_guard_instrumentation.startup import import_hook
            except Exception as error:  # noqa: BLE001  the import of another module must not fail because of us
                report_failure(error)
                return None
            self.find = import_hook.find
        return self.find(self, name, path, target)


def watch() -> None:
    """Watch this process. The start-up files call it; it may run twice, and never raises in a live process."""
    if STATE.finder is not None:  # a venv of Python 3.11 runs its .pth files twice
        return
    # Zipapps such as those of shiv and PEX run the start-up file in them later, which no child does. `site` adds `quit`
    # as soon as it has run the files of the interpreter.
    STATE.at_start = not (sys.flags.no_site or hasattr(builtins, "quit"))
    try:
        _begin(os.environ)
    except Exception as error:  # noqa: BLE001  the interpreter would print it and run the program all the same
        report_failure(error)


def folder_for_children() -> str:
    """Return the folder that guards children if it is in their PYTHONPATH; empty if children can do without it.

    It is empty, too, where the packages are in a zip file, from which children cannot read it.
    """
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "children")
    return folder if not STATE.at_start and os.path.isdir(folder) else ""


def watch_late() -> None:
    """Watch a process whose interpreter ran no start-up file, because the package is not in its site-packages."""
    if STATE.finder is None:
        _install_finder()


def in_test_process() -> str:
    """Return why this process counts as a test process, or an empty string. Once found, it stays found."""
    if not STATE.evidence:
        STATE.evidence = look(sys.modules, os.environ)
    return STATE.evidence


def look(modules: "Mapping[str, object]", environ: "Mapping[str, str]") -> str:
    """Return the evidence in a process with these modules and variables, or an empty string."""
    if "pytest" in modules or "_pytest" in modules:
        return "pytest is imported"
    for name in _PYTEST_VARIABLES:
        if name in environ:
            return f"{name} is set"
    if environ.get(TEST_PROCESS_VARIABLE, "").strip().lower() in TRUE:
        return f"{TEST_PROCESS_VARIABLE} is set"
    main = getattr(getattr(modules.get("__main__"), "__spec__", None), "name", None)
    return "unittest is the main module" if main in {"unittest.__main__", "unittest"} else ""


def note_evidence(evidence: str) -> None:
    """Record evidence and install the guard, for imported clients and for those imported later.

    A test process whose guard cannot be installed ends here.
    """
    if not (STATE.evidence or evidence):
        return
    if STATE.installer == get_ident():
        STATE.evidence = STATE.evidence or evidence
        return
    try:
        exclusively(lambda: _enforce(evidence))
    except Exception as error:  # noqa: BLE001  nothing may run unguarded
        end_unguarded(error)


def exclusively(install: "Callable[[], object]") -> None:
    """Call this while no other thread installs the guard. Do nothing if this thread is installing it already."""
    if STATE.installer == get_ident():
        return
    if not STATE.lock.acquire(blocking=False):
        from plane_guard_watch import waiting

        if not waiting.wait():
            return
    if not STATE.sees_forks:
        STATE.sees_forks = True
        register_at_fork(before=_finish_before_fork, after_in_child=_finish_after_fork)
    STATE.installer = get_ident()
    try:
        install()
    finally:
        STATE.installer = 0
        STATE.lock.release()


def _enforce(evidence: str) -> None:
    STATE.evidence = STATE.evidence or evidence
    from plane_guard_instrumentation.startup import installation

    installation.enforce_now()
    STATE.is_guarded = True


def _finish_before_fork() -> None:
    """Let a child start with a guard that is installed, not with the half that another thread has done."""
    if STATE.installer not in {0, get_ident()}:
        exclusively(int)


def _finish_after_fork() -> None:
    """Install the guard in a child whose parent's other thread was installing it, and is not in the child."""
    if STATE.lock.locked() and STATE.installer != get_ident():
        STATE.lock, STATE.installer = allocate_lock(), 0
        note_evidence("")


def inherited() -> "Mapping[str, str]":
    """Return opt-in and allowlist as the environment held them when this process started."""
    if STATE.inherited is None:
        STATE.inherited = _inherited_late()
    return STATE.inherited


def report_failure(error: Exception) -> None:
    """End a test process that cannot be guarded; in a live process say so once."""
    if STATE.evidence:
        end_unguarded(error)
    if not getattr(STATE, "failure", None):
        STATE.failure = error  # type: ignore[attr-defined]  # the rare case needs no slot at each start
        import logging

        logging.getLogger("plane_guard").warning(
            "plane-guard cannot watch this process and leaves it alone: %r. Reinstall it: %s", error, _REINSTALL
        )


def end_unguarded(error: Exception) -> "NoReturn":
    """End a test process that could not be guarded."""
    sys.stderr.write(f"plane-guard: could not install the guard; aborting: {error!r}. Reinstall it: {_REINSTALL}\n")
    sys.stderr.flush()
    os._exit(_EXIT_UNGUARDED)


_REINSTALL = f"{sys.executable} -m pip install --force-reinstall plane-guard"


# Markers: how a process finds its guarded ancestors, whatever environment it was given.


def marker_folders() -> list[str]:
    """Return the folders for markers in order of preference: fixed paths, because TMPDIR is part of the environment."""
    if not hasattr(os, "getuid"):
        return []
    return [f"{place}/.plane-guard-{os.getuid()}" for place in ("/tmp", "/var/tmp", "/dev/shm")]  # noqa: S108


def is_ours(folder: str) -> bool:
    """Return if a marker folder is a real folder that only this user can change."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    is_folder = status.st_mode & _KIND == _FOLDER
    return is_folder and status.st_uid == os.getuid() and not status.st_mode & _PRIVATE


def process_stat(pid: int) -> "tuple[int, str] | None":
    """Return a process's parent and its start time, which tells apart processes that had the same id."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            fields = os.read(descriptor, _STAT_BYTES).rpartition(b")")[2].split()
        finally:
            os.close(descriptor)
        return int(fields[_PARENT_FIELD]), fields[_START_FIELD].decode()
    except (OSError, ValueError, IndexError):
        return None


def marker_name(pid: int) -> str:
    """Return the file name of a process's marker."""
    status = process_stat(pid)
    return f"{pid}-{status[1] if status else 0}"


def is_running(marker: str) -> bool:
    """Return if the process that a marker names still runs."""
    pid, _, start = os.path.basename(marker).lstrip(".").partition("-")
    if not pid.isdecimal() or not pid.isascii():
        return False
    status = process_stat(int(pid))
    if status is not None or os.path.exists("/proc/self/stat"):
        return status is not None and status[1] == start
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def guarded_ancestor() -> str:
    """Return the marker of the nearest guarded process among this one and its ancestors, or an empty string."""
    markers: dict[str, str] = {}
    for folder in marker_folders():
        if is_ours(folder):
            for name in os.listdir(folder):
                markers.setdefault(name, f"{folder}/{name}")
    if not markers:
        return ""
    pid = getpid()
    if process_stat(pid) is None:  # no /proc: at least the direct parent
        return markers.get(f"{pid}-0") or markers.get(f"{os.getppid()}-0", "")
    for _ in range(_MOST_ANCESTORS):
        status = process_stat(pid)
        if status is None:
            break
        found = markers.get(f"{pid}-{status[1]}")
        if found:
            return found
        pid = status[0]
    return ""


def named_ancestor(environ: "Mapping[str, str]") -> str:
    """Return the marker that the environment names, if its process still runs and the file is this user's."""
    path = environ.get(PARENT_VARIABLE, "")
    try:
        return path if path and os.lstat(path).st_uid == os.getuid() and is_running(path) else ""
    except (OSError, ValueError, AttributeError):
        return ""


def _begin(environ: "Mapping[str, str]") -> None:
    STATE.inherited = {name: environ[name] for name in SCRUBBED if name in environ}
    finder = _install_finder()
    STATE.ancestor = STATE.marker = guarded_ancestor() or named_ancestor(environ)
    if STATE.ancestor:
        STATE.evidence = f"started by a guarded test process ({os.path.basename(STATE.ancestor).partition('-')[0]})"
        register_at_fork(after_in_child=keep_marker)
        if process_stat(getpid()) is None:  # no /proc: a child of this process sees no further than this one
            keep_marker()
        if NETWORK_MODULES.isdisjoint(sys.modules):
            finder.watched |= NETWORK_MODULES
            return
    evidence = look(sys.modules, environ) or also_guarded(environ, _working_directory())
    if STATE.evidence or evidence:
        note_evidence(evidence)


def _install_finder() -> _Finder:
    """Put the finder directly in front of Python's own, and never move it.

    Other tools insert a finder at 0 and take it out with `pop(0)`. In front of Python's own finders we are never in
    their way, and we are still asked before the module is found.
    """
    finder = STATE.finder = _Finder()
    position = next((index for index, other in enumerate(sys.meta_path) if isinstance(other, type)), 0)
    sys.meta_path.insert(position, finder)
    # Another start-up file may have imported a runner before this one ran.
    if not RUNNER_MODULES.isdisjoint(sys.modules):
        from plane_guard_instrumentation.startup import runners

        runners.wrap_imported()
    return finder


def keep_marker() -> None:
    """Give a forked child a marker of its own: it may replace its program and environment, or lose its parent."""
    if STATE.marker:
        name = os.path.join(os.path.dirname(STATE.marker), marker_name(getpid()))
        try:
            os.link(STATE.marker, name)
        except OSError:
            return  # its parent's marker, or the environment, has to do
        STATE.marker = name


def also_guarded(environ: "Mapping[str, str]", folder: str) -> str:
    """Return which entry of `also_guard` makes this a test process, or an empty string."""
    wanted = {*environ.get(ALSO_VARIABLE, "").replace(",", " ").lower().split(), *_also_in_pyproject(folder)}
    if ALWAYS in wanted:
        return "also_guard is always"
    if WORKTREES in wanted and _is_linked_worktree(folder):
        return "also_guard is worktrees, and this is a linked worktree"
    return ""


def _also_in_pyproject(folder: str) -> "Sequence[str]":
    for place in _upwards(folder):
        try:
            with open(f"{place}/pyproject.toml", "rb") as file:
                content = file.read()
        except OSError:
            continue
        if b"plane_guard" not in content or b"also_guard" not in content:
            return ()
        import tomllib

        try:
            also = tomllib.loads(content.decode())["tool"]["plane_guard"]["also_guard"]
        except (ValueError, KeyError, TypeError):
            return ()  # `runtime.pyproject` reports a file that cannot be read, and blocks
        entries = also.replace(",", " ").split() if isinstance(also, str) else also if isinstance(also, list) else ()
        return [str(entry).lower() for entry in entries]
    return ()


def _is_linked_worktree(folder: str) -> bool:
    for place in _upwards(folder):
        git = f"{place}/.git"
        if os.path.isdir(git):
            return False
        if os.path.isfile(git):
            with open(git, "rb") as file:
                return b"/worktrees/" in file.read(_STAT_BYTES)
    return False


def _upwards(folder: str) -> "Sequence[str]":
    places = [folder]
    while os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
        places.append(folder)
    return places


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "/"


def _inherited_late() -> "Mapping[str, str]":
    """Read what the environment held at the start; where the system does not tell, take what it holds now."""
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = [entry.partition(b"=") for entry in file.read().split(b"\0")]
    except OSError:
        return {name: os.environ[name] for name in SCRUBBED if name in os.environ}
    held = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
    return {name: held[name] for name in SCRUBBED if name in held}
