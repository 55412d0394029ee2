"""A time span on the command line, such as 30d."""

from __future__ import annotations

import re

import click

_AGE = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[mhdw])")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Age(click.ParamType[float]):
    """A time span such as 30d, in seconds."""

    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a number and a unit."""
        match = _AGE.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not an age. Write a number and a unit, such as 90m, 12h, 30d or 4w.", param, ctx)
        return float(match["number"]) * _SECONDS[match["unit"]]
