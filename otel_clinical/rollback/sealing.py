"""Sign the file of a report with the audit's key: whoever has the public one knows that it is as it was written.

The signature is a file of its own beside the report: it covers the hash of the report, the head of the audit at that
moment and the time. Ed25519 (RFC 8032) by the library `cryptography`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback.audit import AuditBrokenError, Checkpoint, canonical
from otel_clinical.rollback.signing import check_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.rollback.signing import Signer

SUFFIX: Final = ".sig"
_PURPOSE: Final = "otel-clinical/report/v1"


@dataclass(frozen=True, slots=True)
class Seal:
    """What is signed of a report: its SHA-256, the head of the audit, when (Unix seconds); key and signature in hex."""

    sha256: str
    seq: int
    hash: str
    time: float
    key: str
    signature: str = ""

    def message(self) -> bytes:
        """Return the bytes that are signed."""
        return canonical([_PURPOSE, self.sha256, self.seq, self.hash, self.time]).encode()


def seal(report: Path, signer: Signer, head: Checkpoint, at: float) -> Path:
    """Sign a report that was written, and return the file of the signature beside it."""
    unsigned = Seal(_sha256(report), head.seq, head.hash, at, signer.public)
    made = asdict(unsigned) | {"signature": signer.sign_bytes(unsigned.message())}
    path = report.with_name(report.name + SUFFIX)
    path.write_text(json.dumps(made) + "\n", encoding="utf-8")
    return path


def check_seal(report: Path, trusted: str | None = None) -> Seal:
    """Return the seal of a report; `trusted` is the public key that must have made it.

    Raises:
        AuditBrokenError: the report was changed, or the signature is not of it.
        FileNotFoundError: there is no report, or no signature beside it.
    """
    path = report.with_name(report.name + SUFFIX)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        sealed = Seal(
            str(found["sha256"]),
            int(found["seq"]),
            str(found["hash"]),
            float(found["time"]),
            str(found["key"]),
            str(found["signature"]),
        )
    except (ValueError, KeyError, TypeError):
        raise AuditBrokenError(f"{path}: no signature of a report") from None
    if sealed.sha256 != _sha256(report):
        raise AuditBrokenError(f"{report} is not the report that was signed: it was changed afterwards")
    check_bytes(sealed.message(), sealed.key, sealed.signature, f"the report {report}", trusted)
    return sealed


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
