"""Check the signed checkpoints that a controller keeps, and the witnesses that others keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.rollback.audit import AuditBrokenError, Checkpoint, open_read_only
from otel_clinical.rollback.signing import SignedCheckpoint, check_signature

if TYPE_CHECKING:
    from pathlib import Path


def verify_checkpoints(database: Path, trusted: str | None = None) -> int:
    """Check the signature of every checkpoint and return how many there are.

    Args:
        database: Of the controller.
        trusted: Public key, in hexadecimal, that must have made them all.

    Raises:
        AuditBrokenError: a signature does not hold, or is of another key.
    """
    with open_read_only(database) as connection:
        found = [SignedCheckpoint(*row) for row in connection.execute("SELECT * FROM checkpoints ORDER BY seq")]
    for checkpoint in found:
        check_signature(checkpoint, trusted)
    return len(found)


def newest(database: Path) -> SignedCheckpoint | None:
    """Return the newest signed checkpoint, or None."""
    with open_read_only(database) as connection:
        row = connection.execute("SELECT * FROM checkpoints ORDER BY seq DESC LIMIT 1").fetchone()
        return SignedCheckpoint(*row) if row else None


def check_digest(database: Path, seq: int, digest: int) -> None:
    """Raise `AuditBrokenError` unless event `seq` has the digest that a sample of Prometheus kept."""
    with open_read_only(database) as connection:
        row = connection.execute("SELECT seq, hash FROM audit WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        raise AuditBrokenError(f"event {seq}, of which a witness was kept, is not there")
    if Checkpoint(*row).digest != digest:
        raise AuditBrokenError(f"event {seq} is not the one whose digest {digest} a witness has kept")
