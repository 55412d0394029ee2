"""The ways to start a test, as a table: what `docs/ways-to-start.md` lists and `test_ways_to_start.py` runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "ways-to-start.md"
OURS_OFF = "-p no:plane_guard"
TEST_CASE = """
import os, unittest, urllib.request
def send():
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/labels/'
    urllib.request.urlopen(urllib.request.Request(url, b"{}", method="POST"))
class T(unittest.TestCase):
    def test_writes(self):
        send()
def test_plain():
    send()
"""
FILES = {
    "test_x.py": TEST_CASE + 'if __name__ == "__main__":\n    unittest.main()\n',
    "cases.py": TEST_CASE.replace("def test_plain():\n    send()\n", ""),
    "plain.py": TEST_CASE,
    "run_pytest.py": "import sys, pytest\nsys.exit(pytest.main(sys.argv[1:]))\n",
    "ide.py": (
        "import unittest\nsuite = unittest.defaultTestLoader.discover('.', 'cases.py')\n"
        "unittest.TextTestRunner().run(suite)\n"
    ),
    "by_hand.py": "import cases, unittest\ncases.T('test_writes').debug()\n",
    "documented.py": '"""\n>>> import plain\n>>> plain.send()\n"""\nif __name__ == "__main__":\n'
    "    import doctest\n    doctest.testmod()\n",
    "wards/test_ward.py": "from ward import test\nfrom plain import send\n@test('writes')\ndef _():\n    send()\n",
    "trial_x.py": "from twisted.trial import unittest\nfrom plain import send\nclass T(unittest.TestCase):\n"
    "    def test_writes(self):\n        send()\n",
    "testtools_x.py": "import testtools\nfrom plain import send\nclass T(testtools.TestCase):\n"
    "    def test_writes(self):\n        send()\n",
    "features/x.feature": "Feature: x\n  Scenario: x\n    Given a write\n",
    "features/steps/x.py": (
        "from behave import given\nfrom plain import send\n@given('a write')\ndef step(_):\n    send()\n"
    ),
    "x.robot": "*** Settings ***\nLibrary    plain.py\n*** Test Cases ***\nWrites\n    Send\n",
    "manage.py": (
        "import os, sys\nos.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\n"
        "from django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n"
    ),
    "settings.py": "SECRET_KEY = 'x'\nDATABASES = {}\nINSTALLED_APPS = []\n",
    "tests/__init__.py": "",
    "tests/test_django.py": "from django.test import SimpleTestCase\nfrom plain import send\n"
    "class T(SimpleTestCase):\n    def test_writes(self):\n        send()\n",
    "noxfile.py": "import nox, sys\n@nox.session(venv_backend='none')\ndef tests(session):\n"
    "    session.run(sys.executable, '-m', 'unittest', 'cases', external=True)\n",
    "tox.ini": "[tox]\nenvlist = tests\n[testenv]\nskip_install = true\nallowlist_externals = *\npass_env = *\n"
    "commands = {env:PY} -m unittest cases\n",
    "pyproject.toml": "[project]\nname = 'x'\nversion = '1'\n[tool.hatch.envs.default]\nskip-install = true\n",
    "zipped/__main__.py": TEST_CASE + "unittest.main()\n",
    "zipped/shivved.py": TEST_CASE + "def main():\n    unittest.main('shivved')\n",
    "Makefile": "test:\n\t$(PY) -m unittest cases\n",
    "app.py": "import plain\nplain.send()\n",
    "worker.py": "import multiprocessing, plain\nif __name__ == '__main__':\n"
    "    p = multiprocessing.get_context('spawn').Process(target=plain.send); p.start(); p.join()\n",
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to start the test. ``{py}`` and ``{bin}`` stand for this environment's Python and commands."""

    command: str
    evidence: str
    needs: str = ""
    """The module without which it is not run."""
    writes: int = 1
    """How often the test tries to write."""

    @property
    def shown(self) -> str:
        """The command as a reader would type it."""
        return self.command.replace("{py}", "python").replace("{bin}/", "").replace("OURS_OFF", OURS_OFF)


LOADER = "unittest.loader.TestLoader runs tests"
PROGRAM = "unittest.main.TestProgram runs tests"
MAIN = "unittest is the main module"
PYTEST = "pytest is imported"
DOCTEST = "doctest is the main module"
DJANGO = "django.test.runner.DiscoverRunner runs tests"
_TARGET = "test_x.py::T"

GROUPS: dict[str, tuple[Way, ...]] = {
    "unittest": (
        Way("{py} -m unittest cases", PROGRAM),
        Way("{py} -um unittest cases", PROGRAM),
        Way("{py} -munittest cases", PROGRAM),
        Way("{py} -Bm unittest discover -p cases.py", PROGRAM),
        Way("{py} -X dev -m unittest cases.T", PROGRAM),
        Way("{py} test_x.py", PROGRAM),
        Way("{py} - < test_x.py", PROGRAM),
        Way("{py} -c 'import unittest; unittest.main(\"cases\")'", PROGRAM),
        Way("{py} ide.py", LOADER),
        Way("{py} by_hand.py", "unittest.case.TestCase runs tests"),
        Way("make -s test PY={py}", PROGRAM),
    ),
    "pytest": (
        Way(f"{{py}} -m pytest {_TARGET}", PYTEST),
        Way(f"{{py}} -um pytest {_TARGET}", PYTEST),
        Way(f"{{py}} -mpytest {_TARGET} OURS_OFF", PYTEST),
        Way(f"{{py}} -X utf8 -m pytest {_TARGET} OURS_OFF", PYTEST),
        Way(f"{{py}} run_pytest.py {_TARGET}", PYTEST),
        Way(f"{{py}} run_pytest.py {_TARGET} OURS_OFF", PYTEST),
        Way(f"{{bin}}/pytest {_TARGET} OURS_OFF", PYTEST),
        Way(f"{{bin}}/py.test {_TARGET}", PYTEST),
        Way(f"ln -sf {{bin}}/pytest ./t && ./t {_TARGET} OURS_OFF", PYTEST),
        Way(f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {{py}} -m pytest {_TARGET}", PYTEST),
        Way(f"PYTEST_ADDOPTS='OURS_OFF' {{py}} -um pytest {_TARGET}", PYTEST),
        Way(f"{{py}} -m pytest --disable-plugin-autoload {_TARGET}", PYTEST),
        Way(f"{{py}} -m pytest --noconftest -c /dev/null --rootdir=. {_TARGET}", PYTEST),
        Way(f"{{py}} -m pytest -n 1 {_TARGET} OURS_OFF", PYTEST, "xdist"),
        Way("{py} -m pytest --doctest-modules documented.py OURS_OFF", PYTEST),
        Way("{py} -m pytest -k test_plain test_x.py", PYTEST),
    ),
    "Other runners": (
        Way("{py} manage.py test tests", DJANGO, "django"),
        Way("PYTHONPATH=. {py} -m django test tests --settings=settings", DJANGO,
            "django"),
        Way("{py} -m nose2 cases", "nose2 is imported", "nose2"),
        Way("{bin}/green cases", "green is imported", "green"),
        Way("PYTHONPATH=. {bin}/trial trial_x", "twisted.trial is imported", "twisted"),
        Way("{bin}/stestr --test-path . run --serial test_x", "stestr is imported", "stestr"),
        Way("{py} -m testtools.run testtools_x", LOADER, "testtools"),
        Way("{py} -m subunit.run cases > subunit.out", "testtools.run.TestProgram runs tests", "subunit"),
        Way("PYTHONPATH=. {bin}/zope-testrunner --test-path=. --tests-pattern=^cases$", "zope.testrunner is imported",
            "zope.testrunner"),
        Way("{bin}/behave", "behave.runner.ModelRunner runs tests", "behave"),
        Way("{bin}/robot --output NONE x.robot", "robot.running.model.TestSuite runs tests", "robot"),
        Way("PYTHONPATH=. {bin}/ward --path wards", "ward is imported", "ward"),
        Way("{py} -m doctest documented.py", DOCTEST),
        Way("{py} documented.py", "doctest.DocTestRunner runs tests"),
        Way("{py} -m xdoctest documented.py --style freeform", PYTEST, "xdoctest"),
        Way("{py} -m teamcity.unittestpy cases", PROGRAM, "teamcity"),
    ),
    "Tools around a runner": (
        Way("{py} -m coverage run -m unittest cases", PROGRAM, "coverage"),
        Way("{py} -m coverage run test_x.py", PROGRAM, "coverage"),
        Way(f"{{py}} -m coverage run -m pytest {_TARGET} OURS_OFF", PYTEST, "coverage"),
        Way("{py} -m cProfile -m unittest cases", PROGRAM),
        Way(f"{{py}} -m cProfile -m pytest {_TARGET} OURS_OFF", PYTEST),
        Way("{py} -m pdb -cc -m unittest cases", PROGRAM),
        Way("{py} -m coverage run -m doctest documented.py", DOCTEST, "coverage"),
        Way("{py} -m cProfile -m doctest documented.py", DOCTEST),
        Way("{py} -m trace --count -C . --module doctest documented.py", DOCTEST),
        Way("{py} -c 'import runpy; runpy.run_module(\"doctest\", run_name=\"__main__\")' documented.py", DOCTEST),
        Way("{py} -m debugpy --listen 127.0.0.1:0 -m unittest cases", PROGRAM, "debugpy"),
        Way("{bin}/nox -f noxfile.py -R --no-venv", PROGRAM, "nox"),
        Way("PY={py} {bin}/tox -q", PROGRAM, "tox"),
        Way("{bin}/uv run --no-project --python {py} python -m unittest cases", PROGRAM, "uv"),
        Way("HATCH_DATA_DIR=. {bin}/hatch -q run {py} -m unittest cases", PROGRAM, "hatch"),
        Way("{py} -m zipapp zipped -o zipped.pyz && {py} zipped.pyz", PROGRAM),
        Way("SHIV_ROOT=. {bin}/shiv --site-packages zipped -e shivved:main -o shivved.pyz && {py} shivved.pyz",
            PROGRAM, "shiv"),
        Way("{bin}/opentelemetry-instrument {py} -m unittest cases", PROGRAM, "opentelemetry.distro"),
    ),
    "Programs that a variable or a command marks": (
        Way("PLANE_GUARD_TEST_PROCESS=1 {py} app.py", "PLANE_GUARD_TEST_PROCESS is set"),
        Way("PLANE_GUARD_ALSO=always {py} app.py", "also_guard is always"),
        Way("PYTEST_CURRENT_TEST=x {py} app.py", "PYTEST_CURRENT_TEST is set"),
        Way("{bin}/plane-guard run -- {py} app.py", "plane-guard run"),
        Way("{bin}/plane-guard run -- env -i PLANE_API_URL=$PLANE_API_URL PLANE_PROJECT=$PLANE_PROJECT {py} app.py",
            "plane-guard run"),
        Way("{bin}/plane-guard run -- {py} worker.py", "plane-guard run"),
    ),
}  # fmt: skip
WAYS = tuple(way for ways in GROUPS.values() for way in ways)

NOT_GUARDED = {
    "`python -S`, and interpreters without plane-guard": "No start-up file runs, so nothing is guarded there.",
    "PEX files that do not contain plane-guard": (
        "They run in the base interpreter and remove its packages from `sys.path`. Run the tests from the environment, "
        "or add plane-guard to the file: then the plugin guards pytest. A file built with `pex --venv` runs in an "
        "environment of its own, where children are guarded too."
    ),
    "Children, where plane-guard is importable but not in the interpreter's site-packages (`PYTHONPATH`, `--target`, "
    "`--prefix`, zipapp, shiv, PEX)": (
        "The process that pytest runs in is guarded by the plugin. Its Python children are guarded if they keep the "
        "`PYTHONPATH` that it gives them, which a zipapp cannot. The header, the summary, `plane-guard report` and "
        "`plane-guard doctor` say so. Install plane-guard into the environment."
    ),
    "A daemon that left its session with an empty environment before Python started": (
        "It has no guarded ancestor any more. With its environment it is guarded."
    ),
}
_HEAD = """# Ways to start tests

<!-- This page is generated: python -m tests.end_to_end.ways -->

plane-guard observes what runs or loads a test. How the command is spelled does not matter. Each row was run with a test
that writes to production: the write was blocked and recorded once. The second column is the evidence that the session
record names.
"""


def page() -> str:
    """Return the page that lists all ways."""
    parts = [_HEAD]
    for group, ways in GROUPS.items():
        rows = [f"| `{way.shown.replace('|', chr(92) + '|')}` | {way.evidence} |" for way in ways]
        parts.append("\n".join([f"## {group}\n", "| command | evidence |", "|---|---|", *rows, ""]))
    gaps = [f"| {what} | {why} |" for what, why in NOT_GUARDED.items()]
    parts.append("\n".join(["## Not guarded\n", "| what | why, and what to do |", "|---|---|", *gaps, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
