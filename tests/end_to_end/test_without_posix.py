"""The packages import and the guard blocks where the modules and functions of POSIX are missing, as on Windows.

This is no test on Windows: paths, `/proc` and sockets are those of the machine that runs it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import plane_guard
import plane_guard_instrumentation

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

# What Python documents as not available on Windows, of the modules that the code uses.
WITHOUT_POSIX = """
    MODULES = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty")
    NAMES = {
        "os": '''O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK WNOHANG chown chroot fchmod fchown fork forkpty
            geteuid getegid getgid getgroups getloadavg getpgid getpgrp getpriority getsid getuid initgroups killpg
            lchown mkfifo nice pathconf pidfd_open posix_fallocate posix_spawn posix_spawnp pread preadv pwrite pwritev
            register_at_fork sched_getaffinity sched_yield seteuid setgid setpgid setpriority setsid setuid statvfs
            sysconf uname wait wait3 wait4'''.split(),
        "signal": "SIGALRM SIGHUP SIGKILL SIGPIPE SIGQUIT SIGUSR1 SIGUSR2 alarm pthread_sigmask setitimer".split(),
        "socket": "AF_UNIX CMSG_SPACE SCM_RIGHTS socketpair".split(),
        "time": "CLOCK_MONOTONIC CLOCK_REALTIME clock_gettime clock_gettime_ns pthread_getcpuclockid tzset".split(),
    }

    def remove_posix(own):
        '''Take away what Windows has not, once everything but our packages is imported.'''
        import importlib, sys, types
        sys.platform = "win32"
        sys.modules["msvcrt"] = types.ModuleType("msvcrt")
        for name in [name for name in sys.modules if name.startswith(own)]:
            del sys.modules[name]
        sys.modules.update(dict.fromkeys(MODULES))
        for module, names in NAMES.items():
            for name in names:
                vars(importlib.import_module(module)).pop(name, None)
"""
OWN = ("plane_guard", "plane_guard_watch", "plane_guard_instrumentation", "plane_guard_dashboard")


@pytest.mark.exhaustive
def test_every_module_can_be_imported(child: Child) -> None:
    child.write("without_posix.py", WITHOUT_POSIX)
    found = child.python(
        f"""
        import importlib, pkgutil, without_posix

        def modules():
            for name in {OWN}:
                package = importlib.import_module(name)
                yield name
                # `__main__` runs, and Streamlit runs `app`
                yield from (found.name for found in pkgutil.walk_packages(package.__path__, name + ".")
                            if not found.name.endswith((".__main__", ".app")))

        names = list(modules())
        for name in names:
            importlib.import_module(name)
        without_posix.remove_posix({OWN})
        failed = []
        for name in names:
            try:
                importlib.import_module(name)
            except (AttributeError, ImportError) as error:
                failed.append(f"{{name}}: {{error!r}}")
        print(len(names), "modules", *failed, sep="\\n")
        """
    )
    count, _, *failed = found.stdout.splitlines()
    assert (found.returncode, failed) == (0, []), found.stderr
    assert int(count) > 200


def test_a_write_is_blocked_and_recorded(child: Child, plane: FakePlane) -> None:
    child.write("without_posix.py", WITHOUT_POSIX)
    child.write(
        "write.py",
        f"""
        import os, sys
        sys.path[:0] = sys.argv[1:]  # `site` did not run, so plane-guard has not started
        import concurrent.futures, httpcore, httpx, opentelemetry.sdk.trace, pytest, subprocess, tempfile
        import plane_guard_instrumentation.startup.installation
        for name in ("PYTEST_VERSION", "PYTEST_CURRENT_TEST"):
            os.environ.pop(name, None)
        import without_posix
        without_posix.remove_posix({OWN})
        import plane_guard_watch
        plane_guard_watch.watch()
        import plane_guard
        assert plane_guard.in_test_process() == "pytest is imported", plane_guard.in_test_process()
        url = "{plane.url}/api/v1/workspaces/acme/projects/{plane.prod}/work-items/"
        with pytest.raises(plane_guard.PlaneWriteBlocked):
            httpx.post(url, json={{"name": "x"}})
        subprocess._USE_POSIX_SPAWN = False  # which Python 3.13 found when it imported the module
        assert subprocess.run([sys.executable, "-c", "print('child')"], capture_output=True).returncode == 0
        """,
    )
    tops = (Path(str(package.__file__)).parents[1] for package in (plane_guard, plane_guard_instrumentation))
    paths = [path for path in sys.path if path.endswith("-packages")] + list(map(str, tops))
    done = child.run([sys.executable, "-S", "write.py", *paths])
    assert done.returncode == 0, done.stderr
    assert plane.writes == []
    assert [decision.reason for decision in child.decisions()] == ["opt-in-disabled"]
    assert [session.evidence for session in child.sessions()] == ["pytest is imported"]
