"""The table of a run, as text and in the README of this folder."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyperf  # type: ignore[import-untyped]  # has no types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.registry import Figure, Measure

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
_HEAD = ("what", "against", "measured", "goal", "", "ours", "peer")
_NOT_MEASURED = "-"
_MILLI = 1e3


def table(measures: Mapping[str, Measure], figures: Mapping[str, Figure | str]) -> str:
    """All measures as a Markdown table; a text in the place of a figure says why there is none."""
    lines = [_HEAD, ("---",) * len(_HEAD), *(_row(measure, figures.get(name)) for name, measure in measures.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(paces: Sequence[float]) -> str:
    """The machine and time of a measurement, and the machine's pace meanwhile (`timing.pace`)."""
    found = pyperf.Run([1.0], collect_metadata=True).get_metadata()
    processor = found.get("cpu_model_name") or platform.machine()
    pace = f" Its pace: {min(paces) * _MILLI:.2f} to {max(paces) * _MILLI:.2f} ms." if paces else ""
    load = f", load {found['load_avg_1min']:.1f}" if "load_avg_1min" in found else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {processor}, {found['cpu_count']} processors{load}, "
        f"{platform.system()} {platform.machine()}, {platform.python_implementation()} {platform.python_version()}."
        f"{pace}"
    )


def write(measures: Mapping[str, Measure], figures: Mapping[str, Figure | str], paces: Sequence[float]) -> None:
    """Replace the figures in the README."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    text = f"{before}{BEGIN}\n\n{machine(paces)}\n\n{table(measures, figures)}\n\n{END}{after}"
    README.write_text(text, encoding="utf-8")


def _row(measure: Measure, figure: Figure | str | None) -> tuple[str, ...]:
    return tuple(cell.replace("|", "/") for cell in _cells(measure, figure))


def _cells(measure: Measure, figure: Figure | str | None) -> Iterator[str]:
    yield from (measure.name, measure.against)
    if figure is None or isinstance(figure, str):
        yield from (figure or _NOT_MEASURED, _goal(measure), "", "", "")
        return
    yield f"{figure.value:.3g} {measure.unit}".strip()
    yield from (_goal(measure), "met" if figure.value <= measure.goal else "**missed**", figure.ours, figure.peer)


def _goal(measure: Measure) -> str:
    return f"<= {measure.goal:g}"
