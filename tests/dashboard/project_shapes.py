"""Five shapes of projects before and after `plane-guard init`, as files by name."""

from __future__ import annotations

PROD = "4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34"
SANDBOX = "8c5a3025-4f9d-4190-b79f-fa06276bb27e"
ENV = f"""\
PLANE_BASE_URL=https://plane.acme.example:8443
PLANE_API_KEY=plane_api_do_not_print_this
export PLANE_PROJECT_ID="{PROD}"  # ORCH
PLANE_SANDBOX_PROJECT='{SANDBOX}'
"""
TABLE = f"""\
[tool.plane_guard]
sandbox_projects = [
    "{SANDBOX}",  # PLANE_SANDBOX_PROJECT in .env
]
protected_projects = [
    "{PROD}",  # PLANE_PROJECT_ID in .env
]
hosts = [
    "plane.acme.example:8443",  # PLANE_BASE_URL in .env
]
"""
EMPTY_TABLE = """\
[tool.plane_guard]
# sandbox_projects = ["…"]  # ids of projects that tests may write to if they ask for it
# protected_projects = ["…"]  # ids of production projects: tests never write to them
"""
REPORT = "plane-guard report --format markdown --github-step-summary --fail-on prod-attempt"

PLAIN = {
    "pytest.ini": "[pytest]\naddopts = -q\n",
    "requirements-dev.txt": "pytest\nhttpx\n",
    ".gitignore": "*.pyc\n.venv",
    ".env": ENV,
    "AGENTS.md": "# For agents\n\nBe kind.\n",
    "test_app.py": "def test_app(): ...\n",
    ".github/workflows/test.yml": """\
on: push
jobs:
  tests:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
      - run: pip install pytest -r requirements-dev.txt

      - name: Tests
        run: |
          python -m pytest -q
        env:
          A: b

      # the rest
      - run: echo done
""",
}
PLAIN_AFTER = {
    "pyproject.toml": TABLE,
    "requirements-dev.txt": "pytest\nhttpx\nplane-guard\n",
    ".gitignore": "*.pyc\n.venv\n.plane-guard/\n",
    ".github/workflows/test.yml": PLAIN[".github/workflows/test.yml"].replace(
        "          A: b\n", f"          A: b\n\n      - run: {REPORT}\n        if: always()\n"
    ),
}

DJANGO = {
    "manage.py": "import django\n",
    "requirements.txt": "django\n",
    "requirements/test.txt": "-r ../requirements.txt\npytest-django",
    "shop/tests.py": "from django.test import TestCase\n",
    ".gitlab-ci.yml": """\
tests:
  image: python:3.13
  script:
    - pip install -r requirements/test.txt
    - python manage.py test shop  # everything
deploy:
  script:
    - ./deploy.sh
""",
}
DJANGO_AFTER = {
    "pyproject.toml": EMPTY_TABLE,
    "requirements/test.txt": "-r ../requirements.txt\npytest-django\nplane-guard\n",
    ".gitlab-ci.yml": DJANGO[".gitlab-ci.yml"].replace(
        "    - python manage.py test shop  # everything\n",
        "    - python manage.py test shop || failed=1  # everything\n"
        "    - plane-guard report --fail-on prod-attempt || failed=1\n"
        '    - exit "${failed:-0}"\n',
    ),
}

POETRY = {
    "pyproject.toml": """\
[tool.poetry]
name = "shop"  # the shop
version = "1.0"

[tool.poetry.dependencies]
python = "^3.11"

[tool.poetry.group.test.dependencies]
pytest = "^8.2"

[tool.pytest.ini_options]
addopts = "-q"
""",
    "tests/test_app.py": "def test_app(): ...\n",
    ".env.test": f"PLANE_SANDBOX_PROJECT={SANDBOX}\n",
    ".github/workflows/ci.yaml": """\
jobs:
  a:
    steps:
    - run: poetry install --with test
    - run: poetry run pytest
  b:
    steps:
    - run: poetry run coverage run -m pytest
""",
    ".gitignore": ".plane-guard\n",
}
POETRY_AFTER = {
    "pyproject.toml": POETRY["pyproject.toml"].replace('pytest = "^8.2"\n', 'pytest = "^8.2"\nplane-guard = "*"\n')
    + f"""
[tool.plane_guard]
sandbox_projects = [
    "{SANDBOX}",  # PLANE_SANDBOX_PROJECT in .env.test
]
# protected_projects = ["…"]  # ids of production projects: tests never write to them
""",
    ".github/workflows/ci.yaml": POETRY[".github/workflows/ci.yaml"].replace(
        "    - run: poetry run pytest\n",
        f"    - run: poetry run pytest\n    - run: poetry run {REPORT}\n      if: always()\n",
    )
    + f"    - run: poetry run {REPORT}\n      if: always()\n",
}

UV = {
    "pyproject.toml": """\
[project]
name = "shop"
version = "1.0"

[dependency-groups]
lint = ["ruff"]
dev = [
    "pytest>=8.2",
    "respx",  # mocks
]

[tool.uv.workspace]
members = ["packages/*"]
""",
    "uv.lock": "version = 1\n",
    "packages/web/pyproject.toml": '[project]\nname = "web"\nversion = "1.0"\n',
    "packages/web/tests/test_web.py": "def test_web(): ...\n",
    "packages/docs/pyproject.toml": '[project]\nname = "docs"\nversion = "1.0"\n',
    ".env": ENV,
    ".gitignore": "",
    "CLAUDE.md": "Use uv.",
    ".github/workflows/ci.yml": "jobs:\n  t:\n    steps:\n      - run: uv run --group test pytest packages\n",
}
UV_AFTER = {
    "pyproject.toml": UV["pyproject.toml"].replace(
        '    "respx",  # mocks\n', '    "respx",  # mocks\n    "plane-guard",\n'
    )
    + f"\n{TABLE}",
    "packages/web/pyproject.toml": UV["packages/web/pyproject.toml"] + f"\n{TABLE}",
    ".gitignore": ".plane-guard/\n",
    ".github/workflows/ci.yml": UV[".github/workflows/ci.yml"]
    + f"      - run: uv run --group test {REPORT}\n        if: always()\n",
}

TOX = {
    "tox.ini": """\
[tox]
envlist = py311, py313

[testenv]
deps =
    pytest
    requests  # for the client
commands = pytest {posargs}

[testenv:lint]
deps = ruff
commands = ruff check .
""",
    "setup.py": "from setuptools import setup\nsetup()\n",
    "tests/test_app.py": "def test_app(): ...\n",
    ".github/workflows/ci.yml": "jobs:\n  t:\n    steps:\n      - run: pip install tox\n      - run: tox\n",
    "Jenkinsfile": "pipeline {}\n",
}
TOX_AFTER = {
    "pyproject.toml": EMPTY_TABLE,
    "tox.ini": TOX["tox.ini"]
    .replace("    requests  # for the client\n", "    requests  # for the client\n    plane-guard\n")
    .replace(
        "commands = pytest {posargs}\n",
        "commands = pytest {posargs}\ncommands_post =\n    plane-guard report --fail-on prod-attempt\n",
    ),
}

SHAPES = {
    "plain pytest": (PLAIN, PLAIN_AFTER),
    "Django": (DJANGO, DJANGO_AFTER),
    "poetry": (POETRY, POETRY_AFTER),
    "uv workspace": (UV, UV_AFTER),
    "tox": (TOX, TOX_AFTER),
}
