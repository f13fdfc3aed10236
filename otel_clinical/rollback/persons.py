"""Know a person by a key of their own: requests that a program sends for them are signed with it.

Ed25519 (RFC 8032) by the library `cryptography`. The controller holds public keys only, one a line: `KEY ROLE NAME`. A
signature covers who, when, which request, its key and its body, so that nothing of it can be used for another.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_clinical.access import AccessError

if TYPE_CHECKING:
    from pathlib import Path

SCHEME: Final = "Ed25519"
SKEW: Final = 300.0
"""Seconds by which the clocks of a person's machine and of the controller may differ."""
_PURPOSE: Final = "otel-clinical/act/v1"
_LINE: Final = re.compile(r"(?P<key>[0-9a-f]{64})\s+(?P<role>\S+)\s+(?P<name>\S.*\S|\S)")
_HEADER: Final = re.compile(
    SCHEME + r" key=(?P<key>[0-9a-f]{64}), time=(?P<time>\d{1,12}), signature=(?P<sig>[0-9a-f]{128})"
)


class NotThemError(ValueError):
    """A request that is not signed by a person we know; says why."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a registered key (public, in hexadecimal)."""

    name: str
    role: str
    key: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What is signed of a request: its path, the key that its sender chose, its body."""

    path: str
    idempotency: str
    body: bytes

    def message(self, key: str, time: int) -> bytes:
        """Return the bytes that a person's key signs."""
        words = (_PURPOSE, key, str(time), "POST", self.path, self.idempotency, hashlib.sha256(self.body).hexdigest())
        return "\n".join(words).encode()


class Persons:
    """The people of a file, which is read again at each request: to take a key out of it takes effect at once.

    Raises:
        AccessError: the file cannot be read, or a line of it says something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read()

    def verify(self, header: str, asked: Asked, now: float) -> Person:
        """Return who signed a request; raise `NotThemError`."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- of an extra
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

        found = _HEADER.fullmatch(header)
        person = self._read().get(found["key"]) if found else None
        if found is None or person is None:
            raise NotThemError("the request is not signed by a registered key")
        time = int(found["time"])
        if abs(now - time) > SKEW:
            raise NotThemError(f"the request was signed {abs(now - time):.0f} s away from now; set the clock right")
        try:
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(person.key))
            public.verify(bytes.fromhex(found["sig"]), asked.message(person.key, time))
        except InvalidSignature:
            raise NotThemError("the signature is not of this request") from None
        return person

    def _read(self) -> dict[str, Person]:
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise AccessError(f"{self._path}: the people's keys cannot be read ({type(error).__name__})") from None
        found = {}
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            parts = _LINE.fullmatch(line.strip())
            if parts is None:
                raise AccessError(
                    f"{self._path}:{number}: expected KEY ROLE NAME, as `otel-clinical rollback key` prints it"
                )
            found[parts["key"]] = Person(parts["name"], parts["role"], parts["key"])
        return found


def new_key(path: Path) -> str:
    """Write a new private key to `path`, readable by its owner alone, and return the public one in hexadecimal."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 -- of an extra

    key = Ed25519PrivateKey.generate()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(key.private_bytes_raw().hex() + "\n")
    return key.public_key().public_bytes_raw().hex()


def sign(path: Path, asked: Asked, now: float) -> str:
    """Return the `Authorization` header of a request signed with the private key in `path`; raise `AccessError`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 -- of an extra

    try:
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text(encoding="ascii").strip()))
    except (OSError, ValueError):
        raise AccessError(f"{path}: no private key; make one with `otel-clinical rollback key`") from None
    public, time = key.public_key().public_bytes_raw().hex(), int(now)
    return f"{SCHEME} key={public}, time={time}, signature={key.sign(asked.message(public, time)).hex()}"
