"""Read what a peer says of itself: JSON from outside, never trusted."""

from __future__ import annotations

import json
from typing import Any, TypeGuard

from otel_clinical.rollback.targets._base import Unreachable
from otel_clinical.rollback.targets._follow import Active, Convergence

_LONGEST = 256


def read_active(content: bytes, *, token: str | None = None, of: str) -> Active:
    """Return `{"version": …, "token": …, "marker": …}` as what serves; raise `Unreachable` for anything else.

    Args:
        content: JSON text.
        token: Taken instead of the key `token`, where the peer says it elsewhere.
        of: Who said it, for the error.
    """
    said = _object(content, of)
    version = said.get("version")
    if version is not None:
        version = _text(said, "version", of)
    return Active(version, token if token is not None else _text(said, "token", of), _text(said, "marker", of, ""))


def read_convergence(content: bytes, version: str, *, of: str) -> Convergence:
    """Return `ready` of `total` if the peer counts instances and names the version, else 0 or 1 of 1."""
    said = _object(content, of)
    serves = said.get("version") == version
    ready, total = said.get("ready"), said.get("total")
    if not (_count(ready) and _count(total)):
        return Convergence(int(serves), 1)
    return Convergence(ready if serves else 0, total)


def _count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _object(content: bytes, of: str) -> dict[str, Any]:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreachable(f"{of} answered no JSON ({type(error).__name__}), expected an object with version") from None
    if not isinstance(said, dict) or "version" not in said:
        raise Unreachable(f"{of} answered JSON without a version, expected an object with version")
    return said


def _text(said: dict[str, Any], key: str, of: str, default: str | None = None) -> str:
    value = said.get(key, default)
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise Unreachable(f"{of}: {key} is not a text of at most {_LONGEST} characters")
    return value
