"""The groups that a report knows already: those of an earlier report, and those that somebody acknowledged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.groups import key_of_test
from plane_guard_dashboard.triage import Triage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import date

    from plane_guard_dashboard.triage import KnownFile


@dataclass(frozen=True, slots=True)
class Verdict:
    """The triage of a group. `note` and `until` are those of its entry in the known-file, if it has one."""

    known: bool
    triage: str = ""
    note: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """A known group without an attempt in this report. `executed` is True if its test ran, so that it is gone."""

    fingerprint: str
    test: str
    note: str
    executed: bool


@dataclass(frozen=True, slots=True)
class Known:
    """The groups of an earlier report, with the test of each, and the entries of a known-file on a day."""

    earlier: Mapping[str, str] = field(default_factory=dict)
    file: KnownFile | None = None
    today: date | None = None

    def has(self, group: str) -> bool:
        """Return True if the earlier report or the known-file names the group."""
        return group in self.earlier or (self.file is not None and group in self.file.groups)

    def verdict(self, group: str, callers: Iterable[str]) -> Verdict:
        """Return what is known of a group with these callers."""
        is_earlier = group in self.earlier
        entry = self.file.groups.get(group) if self.file else None
        if entry is None or self.file is None or self.today is None:
            return Verdict(is_earlier)
        state = self.file.state(group, callers, self.today)
        return Verdict(is_earlier or state is Triage.ACKNOWLEDGED, state, entry.note, entry.until.isoformat())

    def absent(self, groups: AbstractSet[str], executed: AbstractSet[str]) -> Iterator[Absent]:
        """Yield the known groups that are not among these. `executed` are the keys of the tests that ran."""
        entries = self.file.groups if self.file else {}
        for group in sorted({*self.earlier, *entries} - groups):
            entry = entries.get(group)
            test = (entry.test if entry else "") or self.earlier.get(group, "")
            ran = bool(test) and key_of_test(test) in executed
            yield Absent(group, test, entry.note if entry else "", ran)
