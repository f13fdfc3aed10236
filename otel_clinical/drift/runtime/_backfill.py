"""Copies the write-ahead log into the database beside the writer, so that no sender waits for it."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

_PASSIVE = "PRAGMA wal_checkpoint(PASSIVE)"
_JOIN_SECONDS = 30.0


class Backfill:
    """A thread with a connection of its own that copies when it is asked to.

    SQLite would copy within the commit that makes the log long enough, with two more waits for the disk. A log is
    begun again only when all of it is copied, and while it is being copied the writer writes on: so the writer copies
    what little is left, when it is told that nearly all is done.

    Args:
        path: The database, in WAL mode; there must be one.
        pages: Length of the log at which it is worth it.
    """

    def __init__(self, path: Path, pages: int) -> None:
        self._path = path
        self._pages = pages
        self._asked = threading.Event()
        self._done = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Let it copy what is there now."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="otel-clinical-backfill", daemon=True)
            self._thread.start()
        self._asked.set()

    def finish(self, connection: sqlite3.Connection) -> None:
        """Copy what has been written since, if nearly all is copied; to be called outside a transaction."""
        if self._done.is_set():
            self._done.clear()
            connection.execute(_PASSIVE).fetchall()

    def close(self) -> None:
        """End the thread and wait for it."""
        self._ended = True
        self._asked.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        try:
            with closing(sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)) as connection:
                while True:
                    self._asked.wait()
                    self._asked.clear()
                    if self._ended:
                        return
                    self._copy(connection)
        except sqlite3.Error:
            return  # the writer's own limit still holds, and whatever is wrong with the disk it learns by itself

    def _copy(self, connection: sqlite3.Connection) -> None:
        _busy, written, copied = connection.execute(_PASSIVE).fetchone()
        if copied >= self._pages or written >= 2 * self._pages:
            self._done.set()
