"""The keys that sign receipts, from code or from the environment."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ._receipt_errors import ReceiptError, UnknownKeyError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT: Final = "OTEL_CLINICAL_RECEIPT_KEYS"
MAX_DAYS: Final = "OTEL_CLINICAL_RECEIPT_MAX_DAYS"
DAY: Final = 86400.0
DEFAULT_MAX_AGE: Final = 365 * DAY
MIN_KEY_BYTES: Final = 16
_KEY_NAME = re.compile(r"[A-Za-z0-9_-]{1,16}\Z")


@dataclass(frozen=True, slots=True)
class ReceiptKeys:
    """Named keys, the one that signs, and the age in seconds from which a receipt is refused.

    Without keys, receipts carry a checksum instead of a signature. With keys, unsigned receipts are refused.
    """

    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    active: str = ""
    max_age: float = DEFAULT_MAX_AGE

    def __post_init__(self) -> None:
        for name, key in self.keys.items():
            if not _KEY_NAME.match(name):
                raise ValueError(f"receipt key name {name!r}: expected 1 to 16 letters, digits, _ or -")
            if len(key) < MIN_KEY_BYTES:
                raise ValueError(f"receipt key {name!r}: {len(key)} bytes, expected at least {MIN_KEY_BYTES}")
        if self.keys and self.active not in self.keys:
            raise ValueError(f"active receipt key is {self.active!r}, expected one of {', '.join(self.keys)}")
        if not self.max_age > 0:
            raise ValueError(f"max_age is {self.max_age!r}, expected seconds greater than 0")

    def names(self) -> frozenset[str]:
        """Return the key names a receipt may carry; the empty name stands for unsigned."""
        return frozenset(self.keys) if self.keys else frozenset(("",))


_current: ReceiptKeys | None = None


def configure_receipts(
    keys: Mapping[str, bytes] | None = None,
    active: str | None = None,
    max_age: float | None = None,
) -> ReceiptKeys:
    """Set the keys of this process. Without `active` the first key signs; all of them verify.

    Args:
        keys: Keys by name, 16 bytes or more each.
        active: Name of the key that signs.
        max_age: Age in seconds from which a receipt is refused; raise it where the truth takes longer, as in a
            follow-up of years. By default what `OTEL_CLINICAL_RECEIPT_MAX_DAYS` says, and else 365 days.

    Raises:
        ValueError: a key is shorter than 16 bytes, a name or `max_age` makes no sense.
    """
    global _current  # noqa: PLW0603 -- one process signs with one set of keys
    known = dict(keys or {})
    _current = ReceiptKeys(known, active if active is not None else next(iter(known), ""), _max_age(max_age))
    return _current


def current_keys() -> ReceiptKeys:
    """Return the configured keys, else those of the environment variable, read when first needed."""
    global _current  # noqa: PLW0603 -- one process signs with one set of keys
    if _current is None:
        _current = _from_environment(os.environ.get(ENVIRONMENT, ""))
    return _current


def _from_environment(text: str) -> ReceiptKeys:
    """Parse `name:hex,name:hex`; the first name signs. A mistake must not turn signing off."""
    keys = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, digits = entry.partition(":")
        try:
            keys[name] = bytes.fromhex(digits)
        except ValueError:
            raise UnknownKeyError(f"{ENVIRONMENT}: key {name!r} is not name:hexadecimal") from None
    try:
        return ReceiptKeys(keys, next(iter(keys), ""), _max_age(None))
    except ReceiptError:
        raise
    except ValueError as error:
        raise UnknownKeyError(f"{ENVIRONMENT}: {error}") from None


def _max_age(given: float | None) -> float:
    """Return the age from which receipts are refused: as given, else of the environment, else a year."""
    text = os.environ.get(MAX_DAYS, "").strip()
    if given is not None or not text:
        return DEFAULT_MAX_AGE if given is None else given
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days < float("inf"):
        raise ReceiptError(f"{MAX_DAYS} is {text!r}, expected a number of days greater than 0")
    return days * DAY
