"""An opt-in and an allowlist in a `.env` file allow nothing, whoever loads the file and whenever."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

CODE = """
import os, subprocess, sys
from pathlib import Path
import dotenv, httpx
HERE = Path(__file__).parent
NAMES = ("PLANE_TEST_WRITE_ENABLED", "PLANE_TEST_SANDBOX_PROJECTS")
def with_dotenv(path=HERE / ".env"):
    dotenv.load_dotenv(path)
def by_hand(path=str(HERE / ".env")):
    for line in open(path):
        name, _, value = line.strip().removeprefix("export ").partition("=")
        os.environ.setdefault(name, value.strip('"'))
def with_os_open():
    descriptor = os.open(HERE / ".env", os.O_RDONLY)
    for line in os.read(descriptor, 4096).decode().split():
        name, _, value = line.partition("=")
        os.environ[name] = value
    os.close(descriptor)
def write(project=os.environ["PLANE_PROJECT"]):
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{project}/labels/'
    headers = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}
    try:
        return httpx.post(url, json={"name": os.urandom(4).hex()}, headers=headers).status_code
    except RuntimeError as error:
        return str(error.reason)
if __name__ == "__main__":
    print(write())
"""
CONFTEST = """
import pytest
from code_under_test import by_hand, write
by_hand()
@pytest.fixture(scope="session")
def settings():
    by_hand()
"""
TESTS = """
import pathlib, subprocess, sys, unittest.mock
import pytest
from code_under_test import *
OFF = "opt-in-disabled"
AT_IMPORT = write()
def test_loaded_by_a_conftest():
    assert AT_IMPORT == write() == OFF
def test_loaded_by_a_session_fixture(settings):
    assert write() == OFF
@pytest.mark.parametrize("load", [with_dotenv, by_hand, with_os_open])
def test_loaded_by_the_code_under_test(load):
    load()
    assert write() == OFF
    assert not any(name in os.environ for name in NAMES)
@pytest.mark.parametrize("name", [".env.test", "local.env"])
def test_files_with_another_name(name):
    with_dotenv(HERE / name)
    assert write() == OFF
def test_children_do_not_inherit_it():
    with_dotenv()
    child = subprocess.run([sys.executable, HERE / "code_under_test.py"], capture_output=True, text=True)
    assert child.stdout == OFF + "\\n"
def test_the_tests_own_opt_in_stays_but_the_allowlist_of_the_file_does_not(monkeypatch):
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    with_dotenv()
    assert write() == "prod-project-in-test"
    assert write(os.environ["PLANE_SANDBOX"]) == 201
def test_what_the_test_set_before_stays(monkeypatch):
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    monkeypatch.setenv("PLANE_TEST_SANDBOX_PROJECTS", os.environ["PLANE_SANDBOX"])
    by_hand()
    assert write(os.environ["PLANE_SANDBOX"]) == 201
def test_a_fixture_that_is_requested_later_counts(request):
    with_dotenv()
    assert write(os.environ["PLANE_SANDBOX"]) == OFF
    request.getfixturevalue("plane_sandbox_writes")
    assert write(os.environ["PLANE_SANDBOX"]) == 201
def test_a_file_without_them_takes_nothing_back(monkeypatch):
    with_dotenv(HERE / "other.env")
    with pytest.raises(OSError):
        open("missing.env")
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    assert write(os.environ["PLANE_SANDBOX"]) == 201
def test_a_mocked_open_disturbs_nothing(monkeypatch):
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    with unittest.mock.patch("builtins.open", unittest.mock.mock_open(read_data="A=1")):
        by_hand()
    assert write(os.environ["PLANE_SANDBOX"]) == 201
"""


def test_no_env_file_allows_a_write(child: Child, plane: FakePlane) -> None:
    text = f'PLANE_TEST_WRITE_ENABLED=1\nPLANE_TEST_SANDBOX_PROJECTS="{plane.prod.id}"\n'
    for name in (".env", "local.env"):
        child.write(name, text)
    child.write(".env.test", f"# of the tests\nexport {text.replace(chr(10), chr(10) + 'export ', 1)}")
    child.write("other.env", "# PLANE_TEST_WRITE_ENABLED=1\nA=1\n")
    child.write("code_under_test.py", CODE)
    child.write("conftest.py", "import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\n" + CONFTEST)
    child.write("test_it.py", TESTS)
    result = child.pytest()

    assert "13 passed" in result.stdout, result.stdout[-4000:]
    assert {row.reason for row in child.decisions()} == {"opt-in-disabled", "prod-project-in-test", "sandbox-allowed"}
    assert all(plane.prod.id not in write.path for write in plane.writes)
    assert "PLANE_TEST_WRITE_ENABLED: ignored, because the code under test loaded it from " in result.stdout
