"""Evidence files as UTF-8, however they are packed: gzip, Zstandard and UTF-16 are told by their first bytes."""

from __future__ import annotations

import codecs
import gzip
import io
import stat
import sys
import zlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import WriteableBuffer

READ_AT_ONCE = 256 * 1024
_LONGEST_MARK = 4
_NEEDS_ZSTD = 'compressed with Zstandard: pip install "plane-guard[zstd]" to read it'


class DamagedError(OSError):
    """The compressed data ends too early, or is invalid from here on."""


class _Unpacked(io.RawIOBase):
    """A stream that reads another file. It reports damage as an OSError and closes both."""

    def __init__(self, file: BinaryIO, stream: BinaryIO, damage: tuple[type[Exception], ...]) -> None:
        self._file = file
        self._stream = stream
        self._damage = damage

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        try:
            data = self._stream.read(len(view))
        except self._damage as error:
            raise DamagedError(None, f"damaged: {error}") from error
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return self._stream.seek(offset, whence)
        except self._damage as error:
            raise DamagedError(None, f"damaged: {error}") from error

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        self._stream.close()
        self._file.close()
        super().close()


class _Recoded(io.RawIOBase):
    """The characters of a UTF-16 file as UTF-8."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rewind()

    def _rewind(self) -> None:
        self._file.seek(0)
        # A lone surrogate is damage in one value, not a reason to lose the file.
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
        self._rest = b""
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = READ_AT_ONCE if size < 0 else size
        ended = False
        while not self._rest and not ended:
            data = self._file.read(wanted)
            ended = not data
            self._rest = self._decoder.decode(data, final=ended).encode("utf-8", "replace")
        found, self._rest = self._rest[:wanted], self._rest[wanted:]
        self._position += len(found)
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self._position
        if offset < self._position:
            self._rewind()
        while self._position < offset and self.read(min(READ_AT_ONCE, offset - self._position)):
            pass
        return self._position

    def tell(self) -> int:
        return self._position


def _gzip(file: BinaryIO) -> BinaryIO:
    stream = cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="rb"))
    return _buffered(_Unpacked(file, stream, (EOFError, zlib.error, gzip.BadGzipFile)))


def _zstd(file: BinaryIO) -> BinaryIO:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        file.close()
        raise OSError(None, _NEEDS_ZSTD) from None
    stream = cast("BinaryIO", zstd.ZstdFile(file, "r"))
    return _buffered(_Unpacked(file, stream, (EOFError, zstd.ZstdError)))


def _utf16(file: BinaryIO) -> BinaryIO:
    return _buffered(_Unpacked(file, cast("BinaryIO", _Recoded(file)), ()))


def _buffered(raw: io.RawIOBase) -> BinaryIO:
    return io.BufferedReader(raw, READ_AT_ONCE)


# A mark of UTF-16 alone may be damage; JSON begins with one of two letters.
_MARKS: Mapping[bytes, Callable[[BinaryIO], BinaryIO]] = {
    b"\x1f\x8b\x08": _gzip,
    b"\x28\xb5\x2f\xfd": _zstd,
    b"\xff\xfe{\0": _utf16,
    b"\xff\xfe[\0": _utf16,
    b"\xfe\xff\0{": _utf16,
    b"\xfe\xff\0[": _utf16,
}


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, as the UTF-8 that it holds.

    Raises:
        OSError: It is a pipe or device, which may never end, or a package that unpacks it is missing.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(None, "not a regular file")
    file = io.BufferedReader(io.FileIO(path), READ_AT_ONCE)
    start = file.peek(_LONGEST_MARK)[:_LONGEST_MARK]
    for mark, unpack in _MARKS.items():
        if start.startswith(mark):
            return unpack(file)
    return file


@lru_cache(maxsize=100_000)
def unpacked_size(path: str, inode: int, size: int, mtime_ns: int) -> int:  # noqa: ARG001  the key of the cache
    """Return the size of the UTF-8 in a file, which offsets refer to. It is read for that if it is packed."""
    total = 0
    try:
        with open_regular(Path(path)) as file:
            if not isinstance(getattr(file, "raw", None), _Unpacked):
                return size
            while data := file.read(READ_AT_ONCE):
                total += len(data)
    except DamagedError:
        return total + READ_AT_ONCE  # the damage counts as one more line
    except OSError:
        return size
    return total
