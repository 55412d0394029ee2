"""`python -m benchmarks`: runs every measure, prints the table, and keeps it in the README of this folder.

`--short` takes about a minute, leaves the README alone and exits with 1 where something is far slower than it should
be: see `Measure.slip`. `--only WORD` takes the measures whose name holds the word.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks import environments, registry, report, timing
from benchmarks.registry import Effort, Figure

_ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run what was asked for."""
    options = _options()
    if options.child:
        figure = registry.every()[options.child].run(Effort(short=options.short))
        sys.stdout.write(json.dumps([figure, timing.pace()]))
        return 0
    measures = {
        name: one for name, one in registry.every().items() if options.only in name and (one.short or not options.short)
    }
    figures: dict[str, Figure | str] = {}
    paces: list[float] = []
    with tempfile.TemporaryDirectory(prefix="plane-guard-benchmarks-") as place:
        for name in measures:
            begin = perf_counter()
            figures[name] = _measured(name, place, paces, short=options.short)
            sys.stderr.write(f"{perf_counter() - begin:5.1f} s  {name}: {figures[name]}\n")
            if not options.short and not options.only:
                report.write(measures, figures, paces)
    sys.stdout.write(report.table(measures, figures) + "\n")
    slipped = [name for name, one in measures.items() if _has_slipped(figures[name], one.slip)]
    for name in slipped:
        sys.stderr.write(f"far from its goal, or not measured: {name}: {figures[name]}\n")
    return 1 if slipped and options.short else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="for CI: fewer rounds, exit code 1 on a slip")
    parser.add_argument("--only", metavar="WORD", default="", help="the measures whose name holds this word")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measured(name: str, place: str, paces: list[float], *, short: bool) -> Figure | str:
    """The figure, measured in a process of its own: a test process with the guard in place."""
    variables = {
        "PLANE_GUARD_TEST_PROCESS": "1",
        "PLANE_GUARD_TRACE_DIR": os.path.join(place, "evidence"),
        registry.FOLDER_VARIABLE: place,
    }
    command = [sys.executable, "-m", "benchmarks", "--child", name, *(["--short"] if short else [])]
    done = subprocess.run(  # noqa: S603  our own command
        command, cwd=_ROOT, env=environments.environ(**variables), stdout=subprocess.PIPE, check=False, text=True
    )
    if done.returncode != 0:
        return f"failed with exit code {done.returncode}"
    figure, pace = json.loads(done.stdout)
    paces.append(pace)
    return Figure(*figure)


def _has_slipped(figure: Figure | str, slip: float) -> bool:
    return isinstance(figure, str) or figure.value > slip


if __name__ == "__main__":
    sys.exit(main())
