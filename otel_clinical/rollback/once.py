"""Do what a request asks once, however often it is sent: by the key its sender chose for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS requests (
    key TEXT PRIMARY KEY, digest TEXT NOT NULL, answer TEXT NOT NULL, at REAL NOT NULL
) STRICT;
"""
KEEP: Final = 7 * 86_400.0
"""Seconds for which a key is remembered."""
MAX_KEY: Final = 128


class KeyReusedError(ValueError):
    """One key was sent with two different requests."""


def once(
    connection: sqlite3.Connection, key: str, digest: str, at: float, do: Callable[[], dict[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """Return the answer to a request and whether it was given before, inside the caller's transaction.

    Args:
        connection: Of the controller's database.
        key: Chosen by the sender.
        digest: Of everything the request says.
        at: Unix seconds.
        do: Does it and returns the answer; where it raises, nothing is remembered.

    Raises:
        KeyReusedError: the key was sent with another request.
    """
    connection.execute("DELETE FROM requests WHERE at < ?", (at - KEEP,))
    found = connection.execute("SELECT digest, answer FROM requests WHERE key = ?", (key,)).fetchone()
    if found is not None:
        if found[0] != digest:
            raise KeyReusedError("this Idempotency-Key was sent with another request; choose a new one for each")
        earlier: dict[str, Any] = json.loads(found[1])
        return earlier, True
    answer = do()
    connection.execute("INSERT INTO requests VALUES (?, ?, ?, ?)", (key, digest, json.dumps(answer), at))
    return answer, False
