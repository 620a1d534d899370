"""Bytes of a dropped text file as blocks of whole lines in UTF-8, whatever it was written in.

What enters: a path and, if declared, an encoding.  What leaves: `Block`s with `\\n` line ends (CRLF and CR
become LF), whose undecodable lines are flagged rather than mended.  Called by the readers of text formats.
"""

from __future__ import annotations

import codecs
import gzip
import io
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from cx_pipeline.sources.rows.records import FileError, SecondReadingError

BLOCK_BYTES = 8 << 20
_LONGEST_LINE = 32 << 20
_SAMPLE_BYTES = 1 << 16
_GZIP = b"\x1f\x8b"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_GUESSES = ("utf-8", "cp949", "cp1252")
_GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines in UTF-8, each ended by one LF; `bad` flags lines that could not be decoded."""

    data: bytes
    bad: np.ndarray | None
    is_last: bool


class Stream:
    """The content of a file, unpacked where it is gzip; unpacking errors are clear `FileError`s."""

    def __init__(self, path: Path, on_bytes: Callable[[int], None] | None = None) -> None:
        self._raw = path.open("rb")
        self._on_bytes = on_bytes
        self._place = 0
        zipped = self._raw.read(2) == _GZIP
        self._raw.seek(0)
        self._file: gzip.GzipFile | io.BufferedReader = (
            gzip.GzipFile(fileobj=self._raw) if zipped else self._raw
        )

    def read(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except _GZIP_ERRORS as error:
            raise FileError("the gzip file is damaged or cut short: drop it again whole") from error
        if self._on_bytes is not None:
            place = self._raw.tell()
            self._on_bytes(place - self._place)
            self._place = place
        return data

    def close(self) -> None:
        self._file.close()
        self._raw.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def head(path: Path, size: int = _SAMPLE_BYTES) -> bytes:
    """The first bytes of the (unpacked) content."""
    with Stream(path) as stream:
        return stream.read(size)


def _utf16_without_mark(sample: bytes) -> str | None:
    """UTF-16 betrays itself by the NUL that stands beside each line end, comma or tab, on one side."""
    pairs = np.frombuffer(sample[: len(sample) // 2 * 2], np.uint8).reshape(-1, 2)
    if sample.count(0) < len(sample) / 20:
        return None
    first, second = pairs[:, 0], pairs[:, 1]
    little = np.count_nonzero(np.isin(first, (10, 9, 44)) & (second == 0))
    big = np.count_nonzero(np.isin(second, (10, 9, 44)) & (first == 0))
    line_ends = np.count_nonzero(((first == 10) & (second == 0)) | ((second == 10) & (first == 0)))
    if line_ends <= 0.4 * sample.count(b"\n") or little == big:  # a few stray NULs make no UTF-16
        return None
    return "utf-16-le" if little > big else "utf-16-be"


def _can_decode(data: bytes, encoding: str) -> bool:
    if encoding == "utf-8" and len(data) > _SAMPLE_BYTES:
        return _is_utf8(data)
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_utf8(data: bytes) -> bool:
    """The same for a large block, without making a string of it."""
    ends = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Encoding:
    """The name of a codec; `is_guess` where it was told by a file's first lines alone."""

    name: str
    is_guess: bool = False


def _marked(sample: bytes) -> Encoding | None:
    """The encoding a file tells by its byte-order mark, or UTF-16 by its NULs."""
    for mark, name in _BOMS:
        if sample.startswith(mark):
            return Encoding(name)
    name16 = _utf16_without_mark(sample)
    return None if name16 is None else Encoding(name16)


def guess_encoding(path: Path) -> Encoding:
    """The encoding that the first lines of a file fit, if they all fit one; else that of all its lines.

    Should a later line not fit the guess, `blocks` asks for a second reading.
    """
    sample = head(path)
    if (marked := _marked(sample)) is not None:
        return marked
    fitting = dict.fromkeys(_GUESSES, 0)
    seen = _count_fitting(sample[: sample.rfind(b"\n") + 1], fitting)
    for name in _GUESSES[:-1]:  # nearly any bytes fit the last
        if fitting[name] == seen:
            return Encoding(name, is_guess=True)
    return detect_encoding(path)


def detect_encoding(path: Path) -> Encoding:
    """The encoding by byte-order mark, then UTF-16 by its NULs, then UTF-8, CP949, Windows-1252.

    Where not every line fits one of these, the one that fits most lines with non-ASCII characters wins
    (the earlier at a tie), and the other lines are rejected when they are read.
    """
    if (marked := _marked(head(path))) is not None:
        return marked
    fitting = dict.fromkeys(_GUESSES, 0)
    seen = 0
    with Stream(path) as stream:
        rest = b""
        while data := stream.read(BLOCK_BYTES):
            cut = data.rfind(b"\n") + 1
            block, rest = (rest + data[:cut], data[cut:]) if cut else (b"", rest + data)
            if len(rest) > _LONGEST_LINE:
                break
            seen += _count_fitting(block, fitting)
        seen += _count_fitting(rest, fitting)
    if seen == 0:
        return Encoding("utf-8")
    return Encoding(max(_GUESSES, key=lambda name: (fitting[name], -_GUESSES.index(name))))


def _count_fitting(block: bytes, fitting: dict[str, int]) -> int:
    """Add to `fitting` how many lines with non-ASCII characters each encoding can read."""
    if block.isascii():
        return 0
    if _can_decode(block, "utf-8"):
        # Almost anything is Windows-1252 and much is CP949, but text is not valid UTF-8 by accident.
        fitting["utf-8"] += 1000
        return 1000
    lines = [line for line in block.splitlines() if not line.isascii()]
    for line in lines:
        for name in fitting:
            if _can_decode(line, name):
                fitting[name] += 1
                break
    return len(lines)


def known_encoding(name: str) -> str:
    """The codec's name; FileError where Python has no such text encoding."""
    try:
        found = codecs.lookup(name).name
        "".encode(found)
    except LookupError as error:
        raise FileError(f"encoding = {name!r} is unknown: use utf-8, utf-16, cp949 or another") from error
    return "utf-8" if found == "utf-8-sig" else found


def _as_utf8(stream: Stream, encoding: str) -> Iterator[bytes]:
    """The content in UTF-8; what cannot be decoded comes out as encoded surrogates, invalid in UTF-8."""
    if encoding == "utf-8":
        first = stream.read(BLOCK_BYTES)
        yield first.removeprefix(codecs.BOM_UTF8)
        while data := stream.read(BLOCK_BYTES):
            yield data
        return
    errors = "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    start = True
    while data := stream.read(BLOCK_BYTES):
        text = decoder.decode(data)
        yield (text.removeprefix("\ufeff") if start else text).encode("utf-8", "surrogatepass")
        start = False
    try:
        rest = decoder.decode(b"", True)
    except UnicodeDecodeError:  # half a character at the end
        rest = "\udc80"
    yield rest.encode("utf-8", "surrogatepass")


def _bad_lines(data: bytes) -> np.ndarray | None:
    """Flags of the lines that are no UTF-8, None where all are."""
    if data.isascii() or _can_decode(data, "utf-8"):
        return None
    return np.array([not _can_decode(line, "utf-8") for line in data.split(b"\n")[:-1]], bool)


def _block(data: bytes, is_last: bool) -> Block:
    return Block(data, _bad_lines(data), is_last)


def _fitting(block: Block, encoding: Encoding) -> Block:
    if encoding.is_guess and block.bad is not None:
        raise SecondReadingError
    return block


def blocks(path: Path, encoding: Encoding, on_bytes: Callable[[int], None] | None = None) -> Iterator[Block]:
    """The lines of a text file, block by block; the last block is flagged (and may be empty).

    `SecondReadingError` where a line does not fit an encoding that is a guess.
    """
    rest = b""
    held = b""  # a CR at the end of a piece may be half of a CRLF
    with Stream(path, on_bytes) as stream:
        for raw in _as_utf8(stream, encoding.name):
            piece = held + raw
            held = b"\r" if piece.endswith(b"\r") else b""
            piece = piece.removesuffix(b"\r") if held else piece
            if b"\r" in piece:
                piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            cut = piece.rfind(b"\n") + 1
            if cut:
                yield _fitting(_block(rest + piece[:cut], False), encoding)
                rest = piece[cut:]
            else:
                rest += piece
            if len(rest) > _LONGEST_LINE:
                raise FileError(f"no line ends within {_LONGEST_LINE >> 20} MiB: this is no table of lines")
    rest += b"\n" if held else b""
    if rest and not rest.endswith(b"\n"):
        rest += b"\n"
    yield _fitting(_block(rest, True), encoding)


def unpacked(path: Path) -> io.BufferedIOBase | IO[bytes]:
    """The content as a seekable file: the file itself, or where it is gzip a temporary one of its content."""
    with path.open("rb") as file:
        zipped = file.read(2) == _GZIP
    if not zipped:
        return path.open("rb")
    unzipped = tempfile.TemporaryFile()  # noqa: SIM115 - its reader closes it
    with Stream(path) as stream:
        while data := stream.read(BLOCK_BYTES):
            unzipped.write(data)
    unzipped.seek(0)
    return unzipped
