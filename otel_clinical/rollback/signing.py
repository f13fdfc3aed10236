"""Sign the head of the audit, so that a copy kept anywhere proves what the chain was, and by whom it was kept.

Ed25519 (RFC 8032) by the library `cryptography`, imported only here. The private key belongs where the
controller can read it and whoever edits its database cannot.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback.audit import AuditBrokenError, Checkpoint, canonical

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE: Final = "audit-key"
PUBLIC: Final = "audit-key.pub"
_log = logging.getLogger(__name__)
_PURPOSE: Final = "otel-clinical/audit-checkpoint/v1"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A head of the chain at `time` (Unix seconds), with the public key and the signature in hexadecimal."""

    seq: int
    hash: str
    time: float
    key: str
    signature: str

    @property
    def head(self) -> Checkpoint:
        """Return what was signed about the chain."""
        return Checkpoint(self.seq, self.hash)

    def message(self) -> bytes:
        """Return the bytes that are signed."""
        return canonical([_PURPOSE, self.seq, self.hash, self.time]).encode()

    def dumps(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, found: dict[str, Any]) -> SignedCheckpoint:
        """Read what `dumps` wrote; raise `KeyError`, `TypeError` or `ValueError` for anything else."""
        words = (str(found["hash"]), float(found["time"]), str(found["key"]), str(found["signature"]))
        return cls(int(found["seq"]), *words)


class Signer:
    """Sign checkpoints with one private key."""

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 -- an extra

        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw().hex()

    def sign(self, head: Checkpoint, at: float) -> SignedCheckpoint:
        """Return the signed head."""
        unsigned = SignedCheckpoint(head.seq, head.hash, at, self.public, "")
        return SignedCheckpoint(head.seq, head.hash, at, self.public, self.sign_bytes(unsigned.message()))

    def sign_bytes(self, message: bytes) -> str:
        """Return the signature of a message in hexadecimal."""
        return self._key.sign(message).hex()


def signer(state: Path, key: Path | None = None) -> Signer | None:
    """Return the signer of a controller, making its key at the first start; None without `cryptography`.

    Args:
        state: Directory of the controller; the public key is kept there, and the private one by default.
        key: File of the private key, 64 hexadecimal digits, where it is kept elsewhere.

    Raises:
        AuditBrokenError: the file holds no key.
    """
    try:
        import cryptography  # noqa: F401, PLC0415 -- an extra
    except ImportError:
        _log.warning("the audit is not signed: install otel-clinical[rollback], which brings cryptography")
        return None
    file = key or state / PRIVATE
    if not file.exists():
        _make(file)
    try:
        made = Signer(bytes.fromhex(file.read_text(encoding="ascii").strip()))
    except ValueError:
        raise AuditBrokenError(f"{file}: not an audit key; expected 64 hexadecimal digits") from None
    (state / PUBLIC).write_text(made.public + "\n", encoding="ascii")
    return made


def _make(file: Path) -> None:
    """Write a new private key, whole or not at all: half of one would keep the controller from ever starting."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)  # left behind by a crash
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as new:
        new.write(os.urandom(32).hex() + "\n")
        new.flush()
        os.fsync(new.fileno())
    with suppress(FileExistsError):  # another process was faster, and its key is as good
        file.hardlink_to(draft)
    draft.unlink()


def check_signature(checkpoint: SignedCheckpoint, trusted: str | None = None) -> None:
    """Raise `AuditBrokenError` unless the checkpoint is signed, and by the `trusted` public key where one is named."""
    what = f"checkpoint {checkpoint.seq}"
    check_bytes(checkpoint.message(), checkpoint.key, checkpoint.signature, what, trusted)


def check_bytes(message: bytes, key: str, signature: str, what: str, trusted: str | None = None) -> None:
    """Raise `AuditBrokenError` unless `signature` is of `message` by `key`, the `trusted` one where that is named."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- an extra
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 -- an extra

    if trusted is not None and key != trusted:
        raise AuditBrokenError(f"{what} is signed by key {name_of(key)}, not by {name_of(trusted)}")
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        raise AuditBrokenError(f"the signature of {what} does not hold") from None


def name_of(key: str) -> str:
    """Return a short name of a public key, for people."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]
