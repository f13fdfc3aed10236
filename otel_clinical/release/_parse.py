"""Read untrusted JSON into checked values, naming the key and the value that are wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_POINTER_BYTES = 1 << 20
MAX_NAME_LENGTH = 128
MAX_REASON_LENGTH = 500
# Beyond 2**53 a JSON number is not exact in every reader.
MAX_INTEGER = 1 << 53


class PointerError(ValueError):
    """A release pointer that cannot be trusted: says which key, which value, and what is allowed."""


class _NotANumberError(ValueError):
    """JSON text holds NaN or an infinity."""


class _DuplicateKeyError(ValueError):
    """A JSON object names one key twice."""


def _reject_constant(name: str) -> NoReturn:
    raise _NotANumberError(name)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _DuplicateKeyError(key)
        found[key] = value
    return found


def load_object(text: str, *, what: str) -> Fields:
    """Decode `text` as one JSON object; raise `PointerError` with the position of the fault."""
    if len(text) > MAX_POINTER_BYTES:
        raise PointerError(f"{what}: {len(text)} characters, expected at most {MAX_POINTER_BYTES}")
    try:
        value = json.loads(text, parse_constant=_reject_constant, object_pairs_hook=_unique)
    except _NotANumberError as error:
        raise PointerError(f"{what}: {error} is not a JSON number; write a finite number") from None
    except _DuplicateKeyError as error:
        raise PointerError(f"{what}: key {str(error)!r} appears twice; keep one") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise PointerError(f"{what}: not JSON ({error}); expected one object") from None
    return Fields(value, what)


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


class Fields:
    """Take typed values out of one JSON object, then insist that nothing is left over."""

    def __init__(self, value: object, where: str) -> None:
        if not _is_object(value):
            raise PointerError(f"{where}: {_shown(value)} is not an object")
        self._left = dict(value)
        self._where = where

    def take(self, key: str) -> object:
        """Remove and return the value of a required key."""
        if key not in self._left:
            raise PointerError(f"{self._where}: key {key!r} is missing; add it")
        return self._left.pop(key)

    def fail(self, key: str, value: object, expected: str) -> NoReturn:
        """Raise the error that names the key, the value and what is allowed."""
        raise PointerError(f"{self._where}: {key} is {_shown(value)}, expected {expected}")

    def text(self, key: str, *, maximum: int = MAX_NAME_LENGTH, empty: bool = False) -> str:
        """Take a string of at most `maximum` characters."""
        value = self.take(key)
        if not isinstance(value, str):
            self.fail(key, value, "a string")
        if not empty and not value:
            self.fail(key, value, "a string that is not empty")
        if len(value) > maximum:
            self.fail(key, value, f"at most {maximum} characters")
        return value

    def optional_text(self, key: str) -> str | None:
        """Take a string or null."""
        if self._left.get(key, ...) is None:
            del self._left[key]
            return None
        return self.text(key)

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """Take one of the `allowed` strings."""
        value = self.text(key)
        if value not in allowed:
            self.fail(key, value, "one of " + ", ".join(allowed))
        return value

    def integer(self, key: str, *, minimum: int = 0) -> int:
        """Take a whole number, `minimum` to 2**53."""
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= MAX_INTEGER:
            self.fail(key, value, f"a whole number, {minimum} or more")
        return value

    def seconds(self, key: str) -> float:
        """Take a Unix time: a finite number of seconds, 0 or more."""
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_INTEGER:
            self.fail(key, value, "a Unix time in seconds")
        return float(value)

    def objects(self, key: str) -> list[Fields]:
        """Take a list of objects."""
        value = self.take(key)
        if not isinstance(value, list):
            self.fail(key, value, "a list")
        return [Fields(item, f"{self._where}: {key}[{index}]") for index, item in enumerate(value)]

    def nested(self, key: str) -> Fields:
        """Take one object."""
        return Fields(self.take(key), f"{self._where}: {key}")

    def done(self) -> None:
        """Refuse keys nobody took: a misspelt rule must not be ignored in silence."""
        if self._left:
            raise PointerError(f"{self._where}: unknown key {next(iter(self._left))!r}; remove or correct it")


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "…"  # noqa: PLR2004 -- one line of an error
