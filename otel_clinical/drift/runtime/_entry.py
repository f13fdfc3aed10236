"""What one accepted request leaves in the journal."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Signal(StrEnum):
    """Which OTLP service a request came through."""

    TRACES = "traces"
    LOGS = "logs"


@dataclass(frozen=True)
class Quarantined:
    """A request or record that could not be used, described without any of its content.

    Attributes:
        signal: The service it came through.
        reason: A value of the rejection enum.
        detail: Which rule it broke, in our words: never a byte of what was sent.
        size: Bytes.
        digest: SHA-256 of the bytes, hexadecimal, to find it again on the sender's side.
    """

    signal: Signal
    reason: str
    detail: str
    size: int
    digest: str


@dataclass(frozen=True)
class Entry:
    """One exploded request: the numbers to apply and what was refused in it.

    Attributes:
        signal: The service it came through.
        received: Unix seconds at which the request arrived.
        batch: The kernel's journal form of the valid records; empty if there were none.
        rejections: Records refused, by reason.
        quarantined: Descriptions of the refused ones.
    """

    signal: Signal
    received: float
    batch: bytes
    rejections: Mapping[str, int] = field(default_factory=dict)
    quarantined: tuple[Quarantined, ...] = ()

    def is_empty(self) -> bool:
        """Say whether there is nothing to remember."""
        return not self.batch and not self.rejections

    def row(self) -> tuple[float, str, str, int, bytes]:
        """Return the journal columns (received, signal, rejections, crc32, batch)."""
        rejections = json.dumps(dict(self.rejections), sort_keys=True)
        return self.received, self.signal, rejections, _crc(rejections, self.batch), self.batch

    @classmethod
    def from_row(cls, received: float, signal: str, rejections: str, crc: int, batch: bytes) -> "Entry":
        """Rebuild an entry; the quarantine descriptions stay in their own table.

        Raises:
            ValueError: The checksum does not match: the row was damaged at rest.
        """
        try:
            sound = crc == _crc(rejections, batch)
        except (AttributeError, TypeError):  # a damaged row can have columns of any type
            sound = False
        if not sound:
            raise ValueError("journal row fails its checksum")
        return cls(Signal(signal), received, batch, json.loads(rejections))


def _crc(rejections: str, batch: bytes) -> int:
    return zlib.crc32(batch, zlib.crc32(rejections.encode()))
