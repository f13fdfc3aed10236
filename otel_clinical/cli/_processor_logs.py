"""What a processor says about itself while it runs: its log, and a line of progress for a person who watches."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from otel_clinical.drift.runtime import ProcessorService

_LEVELS = {"otel_clinical": logging.INFO}


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, and the type of an error.

    Never the text or the trace of an exception: either may quote what was being read.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        found = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            found["error"] = record.exc_info[0].__name__
        return json.dumps(found)


def set_up_log(kind: str) -> None:
    """Send the log to standard error, as JSON lines or as text for a person."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonFormatter() if kind == "json" else formatter)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)


class Progress:
    """One line on a terminal that is written over: what was accepted, how fast, and what waits.

    Args:
        service: The running processor.
        out: Where to; nothing is written unless it is a terminal.
    """

    def __init__(self, service: ProcessorService, out: IO[str] = sys.stderr) -> None:
        self._service = service
        self._out = out
        self.shown = out.isatty()
        self._before = 0, time.monotonic()

    def tick(self) -> None:
        """Write the line again."""
        if not self.shown:
            return
        replayed, journal = self._service.replayed
        if journal > replayed:
            self._write(f"replaying the journal: {replayed:,} of {journal:,} requests")
            return
        total, now = sum(self._service.events().values()), time.monotonic()
        before, then = self._before
        rate = (total - before) / (now - then) if now > then else 0.0
        self._before = total, now
        self._write(f"{self._service.phase}: {total:,} events, {rate:,.0f} a second, {self._service.pending:,} waiting")

    def end(self) -> None:
        """Leave the last line as it stands."""
        if self.shown:
            self._out.write("\n")
            self._out.flush()

    def _write(self, line: str) -> None:
        self._out.write(f"\r\x1b[K{line}")
        self._out.flush()
