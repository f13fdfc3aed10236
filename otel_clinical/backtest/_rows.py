"""Read a history row by row: CSV or JSON Lines, plain or gzipped; bad rows are reported, never fatal."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_LONGEST_FIELD = 64 * 1024
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_SUFFIXES = (".csv", ".tsv", *_JSON_SUFFIXES)


class HistoryError(ValueError):
    """The history cannot be read at all; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as written: its line in the file and its columns, or what is wrong with it.

    Problems never quote a value: the row is about a patient.
    """

    line: int
    columns: dict[str, str]
    problem: str = ""


def read_rows(path: Path, delimiter: str = ",") -> Iterator[RawRow]:
    """Yield every row of `path`.

    Raises:
        HistoryError: the file is missing, empty, of an unknown kind, or has no usable header.
    """
    name = path.name.lower().removesuffix(".gz")
    if not name.endswith(_SUFFIXES):
        raise HistoryError(f"{path}: unknown kind of file; use {', '.join(_SUFFIXES)}, each also with .gz")
    try:
        with _open(path) as raw:
            lines = _lines(raw)
            if name.endswith(_JSON_SUFFIXES):
                yield from _json_rows(lines)
            else:
                yield from _csv_rows(path, lines, "\t" if name.endswith(".tsv") else delimiter)
    except OSError as error:
        raise HistoryError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rb")
    return path.open("rb")


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    problem: str = ""


def _lines(raw: IO[bytes] | gzip.GzipFile) -> Iterator[_Line]:
    """Yield decoded lines; a broken archive ends the file with a problem instead of losing what was read."""
    number = 0
    while True:
        number += 1
        try:
            data = raw.readline(_LONGEST_FIELD * 16)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            yield _Line(number, "", "the compressed file ends or breaks here")
            return
        if not data:
            return
        try:
            text = data.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            yield _Line(number, "", "is not UTF-8 text")
            continue
        if "\0" in text:
            yield _Line(number, "", "holds a NUL byte")
            continue
        yield _Line(number, text)


def _json_rows(lines: Iterable[_Line]) -> Iterator[RawRow]:
    for line in lines:
        if line.problem:
            yield RawRow(line.number, {}, line.problem)
        elif line.text.strip():
            yield _json_row(line)


def _json_row(line: _Line) -> RawRow:
    try:
        data = json.loads(line.text)
    except (ValueError, RecursionError):
        return RawRow(line.number, {}, "is not valid JSON")
    if not isinstance(data, dict):
        return RawRow(line.number, {}, "is no JSON object")
    return RawRow(line.number, {str(key): _plain(value) for key, value in data.items()})


def _plain(value: Any) -> str:
    """Write a JSON value as a CSV would hold it; nested values are of no use here."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _csv_rows(path: Path, lines: Iterator[_Line], delimiter: str) -> Iterator[RawRow]:
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    header = _header(path, reader, feed)
    while True:
        first = feed.number + 1
        try:
            fields = next(reader)
        except StopIteration:
            yield from feed.drain()
            return
        except csv.Error as error:
            yield RawRow(first, {}, f"is no valid CSV: {error}")
            reader = csv.reader(feed, delimiter=delimiter, strict=True)
            continue
        yield from feed.drain()
        if fields:
            yield _csv_row(first, header, fields)


def _csv_row(line: int, header: list[str], fields: list[str]) -> RawRow:
    if len(fields) != len(header):
        return RawRow(line, {}, f"has {len(fields)} fields, the header has {len(header)}")
    if any(len(field) > _LONGEST_FIELD for field in fields):
        return RawRow(line, {}, f"has a field of more than {_LONGEST_FIELD} characters")
    return RawRow(line, dict(zip(header, fields, strict=True)))


def _header(path: Path, reader: Iterator[list[str]], feed: _Feed) -> list[str]:
    try:
        header = [name.strip() for name in next(reader)]
    except StopIteration:
        problems = feed.drain()
        reason = problems[0].problem if problems else "is empty"
        raise HistoryError(f"{path}: {reason}; expected a header and rows") from None
    except csv.Error as error:
        raise HistoryError(f"{path}:1: the header is no valid CSV: {error}") from None
    if any(problem.line == 1 for problem in feed.drain()):
        raise HistoryError(f"{path}:1: the header is not UTF-8 text")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise HistoryError(f"{path}:1: the header names {', '.join(twice)} more than once")
    return header


class _Feed:
    """Give the CSV reader its lines, keep count, and set aside those that cannot be decoded."""

    def __init__(self, lines: Iterator[_Line]) -> None:
        self.lines = lines
        self.number = 0
        self.bad: list[RawRow] = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        for line in self.lines:
            self.number = line.number
            if not line.problem:
                return line.text
            self.bad.append(RawRow(line.number, {}, line.problem))
        raise StopIteration

    def drain(self) -> list[RawRow]:
        bad, self.bad = self.bad, []
        return bad
