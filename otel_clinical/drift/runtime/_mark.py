"""The number of the newest acknowledged request, outside the database: what was promised must be in it."""

import logging
import os
import zlib
from pathlib import Path

_LOG = logging.getLogger(__name__)
_LENGTH = 30  # "seq" in 20 digits, a space, the checksum in 8, a newline


class Mark:
    """A file of one line beside the database, overwritten in place after each commit and never synced.

    SQLite takes a write-ahead log that is cut or damaged for one that ends earlier, and a file that is gone for one
    that was never there. The mark knows better. After a power cut it may be older than the database, never newer.

    Args:
        path: Created if missing, readable by this user only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def read(self) -> int:
        """Return the number; 0 if none was written, or if the line is damaged."""
        line = os.pread(self._descriptor, _LENGTH, 0)
        number, _, check = line.strip().partition(b" ")
        if number.isdigit() and check == _check(number):
            return int(number)
        if line:
            _LOG.warning("%s: damaged; whether the newest requests are all there cannot be checked", self.path)
        return 0

    def write(self, number: int) -> None:
        """Say that everything up to `number` is acknowledged; a disk that takes no writes is told of elsewhere."""
        digits = b"%020d" % number
        try:
            os.pwrite(self._descriptor, digits + b" " + _check(digits) + b"\n", 0)
        except OSError:
            return

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _check(digits: bytes) -> bytes:
    return b"%08x" % zlib.crc32(digits)
