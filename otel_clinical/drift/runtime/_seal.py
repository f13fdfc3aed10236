"""One number that stands for every saved row, so that a row that is missing, old or changed is noticed."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

_MODULUS = 2**64
META = "seal"

Changes = Mapping[str, bytes | None]
"""Rows by name; None says that the row is removed."""


class SealError(RuntimeError):
    """The rows are not those of one checkpoint."""


@dataclass(frozen=True)
class Draft:
    """What a seal becomes once some rows are durable.

    Attributes:
        digests: Of the changed rows; 0 for one that is removed.
        total: Of all rows.
        through: The journal entry up to which they reach.
    """

    digests: Mapping[str, int]
    total: int
    through: int

    @property
    def text(self) -> str:
        """The seal as it is stored."""
        return f"{self.through}:{self.total:016x}"


class Seal:
    """The sum of the digests of all rows, kept up to date by the rows that change.

    A checksum in each row finds a row that is damaged. It finds neither one that is gone nor one that was not
    carried along with the others; the sum does.

    Args:
        rows: Name and content of every row.
        through: The journal entry up to which they reach.

    >>> seal = Seal([("state/a", b"1"), ("state/b", b"2")], through=7)
    >>> seal.accept(seal.after({"state/b": None}, through=8))
    >>> seal.text == Seal([("state/a", b"1")], through=8).text
    True
    """

    def __init__(self, rows: Iterable[tuple[str, bytes]], through: int) -> None:
        self._digests = {name: _digest(name, content) for name, content in rows}
        self._total = sum(self._digests.values()) % _MODULUS
        self.through = through

    @property
    def text(self) -> str:
        """The seal as it is stored."""
        return self.after({}, self.through).text

    def after(self, changes: Changes, through: int) -> Draft:
        """Return what the seal becomes with `changes`; it stays as it is."""
        digests = {name: 0 if content is None else _digest(name, content) for name, content in changes.items()}
        gone = sum(self._digests.get(name, 0) for name in changes)
        return Draft(digests, (self._total - gone + sum(digests.values())) % _MODULUS, through)

    def accept(self, draft: Draft) -> None:
        """Take over a draft of `after`, whose rows are durable."""
        self._digests.update(draft.digests)
        for name in [name for name, digest in draft.digests.items() if not digest]:
            del self._digests[name]
        self._total, self.through = draft.total, draft.through

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> Self:
        """Return the seal that the rows in a file ought to have."""
        return cls(_rows(connection), _stored(connection)[0])

    def verify(self, connection: sqlite3.Connection) -> None:
        """Compare with what the file says.

        Raises:
            SealError: They differ, or journal entries that are in no checkpoint are missing.
        """
        _, stored = _stored(connection)
        if stored != self.text:
            raise SealError("the saved states are not those of one checkpoint: a row is missing, old or changed")
        newest = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'journal'").fetchone()
        expected = max(0, newest[0] - self.through) if newest else 0
        (kept,) = connection.execute("SELECT count(*) FROM journal WHERE seq > ?", (self.through,)).fetchone()
        if kept != expected:
            raise SealError(f"{expected - kept} journal entries that no checkpoint covers are missing")


def state_row(key: str) -> str:
    """Return the name of a kernel state's row."""
    return f"state/{key}"


def counter_row(name: str, labels: str) -> str:
    """Return the name of a counter's row; `labels` as they are stored."""
    return f"counter/{name}/{labels}"


def _rows(connection: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
    for key, blob in connection.execute("SELECT key, blob FROM state"):
        yield state_row(key), blob
    for name, labels, value in connection.execute("SELECT name, labels, value FROM counter"):
        yield counter_row(name, labels), json.dumps(value).encode()


def _stored(connection: sqlite3.Connection) -> tuple[int, str]:
    """Return the journal entry that the stored seal reaches, and the seal; (0, "") if there is none."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (META,)).fetchone()
    text = str(row[0]) if row else ""
    through = text.partition(":")[0]
    return int(through) if through.isdecimal() else 0, text


def _digest(name: str, content: bytes) -> int:
    hashed = hashlib.blake2b(b"\0".join((name.encode(), content)), digest_size=8)
    return int.from_bytes(hashed.digest(), "little")
