"""The JSON values of a stream: one per line, or over several lines if it is printed for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import ijson

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_LINE = 256 * 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MOST_TRIALS = 100
_BLOCK = 1024 * 1024  # the events of a long line would not fit in memory at once
# A number of thousands of digits is a ValueError, or a SystemError from the parser in C.
_NO_JSON = (ijson.JSONError, ValueError, ArithmeticError, SystemError)
# The line of an exporter, which nearly all lines are. If it is damaged inside, that is found when it is parsed.
_WHOLE_START, _WHOLE_END = b'{"resourceSpans":[{', b"}]}]}]}\n"
_OPENING = {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}


class Line(NamedTuple):
    """A line that is not blank, or several that hold one value. `end` is the offset of the next one."""

    offset: int
    data: bytes
    whole: bool
    end: int


def lines(file: BinaryIO, longest: int = LONGEST_LINE, offset: int = 0) -> Iterator[Line]:
    """Yield line by line from the position of the file, which is `offset`.

    Lines that together hold one JSON value come as one. Of a line that is longer than `longest` only the first byte
    comes. Where compressed data is damaged, a line without a value comes last.
    """
    ahead: list[Line] = []  # lines that were looked at already, the next one last
    physical = _physical(file, longest, offset)
    failures = 0
    single = 0  # the lines up to this offset hold no value over several lines
    while (line := ahead.pop() if ahead else next(physical, None)) is not None:
        if line.offset < single or not _may_be_part(line.data):
            yield line
            continue
        taken, complete = _value(line, ahead, physical, longest)
        if complete:
            yield _joined(taken)
        else:
            # The lines after damage are tried again, but not forever: each trial may read to the end of the file.
            failures += 1
            single = line.end if failures < _MOST_TRIALS else taken[-1].end
            ahead.extend(reversed(taken))


def _physical(file: BinaryIO, longest: int, offset: int) -> Iterator[Line]:
    while True:
        try:
            data = file.readline(longest)
        except OSError as error:
            if error.errno is not None:
                raise
            yield Line(offset, b"\0", whole=False, end=offset + 1)
            return
        if not data:
            return
        start, whole = offset, data.endswith(b"\n")
        offset += len(data)
        if not whole and len(data) == longest:
            data = data[:1]
            while not whole and (rest := file.readline(longest)):
                offset, whole = offset + len(rest), rest.endswith(b"\n")
        if data.strip():
            yield Line(start, data, whole, offset)


def _may_be_part(line: bytes) -> bool:
    """Return False for a line that holds one JSON object or none. Counting brackets is much faster than parsing."""
    if line.startswith(_WHOLE_START) and line.endswith(_WHOLE_END):
        return False
    text = line.removeprefix(BYTE_ORDER_MARK).strip()
    if not text.startswith((b"{", b"[")):
        return False
    return not text.endswith(b"}") or text.count(b"{") != text.count(b"}")


def _value(first: Line, ahead: list[Line], physical: Iterator[Line], longest: int) -> tuple[list[Line], bool]:
    """Take lines until their brackets are closed. False if they are no JSON, do not end, or are too long."""
    events = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events, multiple_values=True)
    taken, depth, line = [first], 0, first
    while True:
        text = memoryview(line.data.removeprefix(BYTE_ORDER_MARK))
        for start in range(0, len(text), _BLOCK):
            try:
                parser.send(bytes(text[start : start + _BLOCK]))
            except _NO_JSON:
                return taken, False
            depth += sum(_OPENING.get(kind, 0) for kind, _ in events)
            events.clear()
        if depth == 0:
            return taken, True
        if line.end - first.offset > longest:
            return taken, False
        following = ahead.pop() if ahead else next(physical, None)
        if following is None:
            # The value goes on in bytes that are not there yet, if ever.
            return ([_joined(taken, whole=False)] if _may_go_on(taken) else taken), _may_go_on(taken)
        line = following
        taken.append(line)


def _may_go_on(taken: list[Line]) -> bool:
    """Return True if unfinished lines are one value: printed for people, it begins with a lone bracket."""
    return len(taken) > 1 and taken[0].data.removeprefix(BYTE_ORDER_MARK).strip() in (b"{", b"[", b"[{")


def _joined(taken: list[Line], *, whole: bool = True) -> Line:
    if len(taken) == 1:
        return taken[0]
    return Line(taken[0].offset, b"".join(line.data for line in taken), whole and taken[-1].whole, taken[-1].end)
