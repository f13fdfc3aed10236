"""Tell whether a changed policy lets the controller do more than the one that people agreed on."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any, Final

from otel_clinical.rollback.terms import Terms

_AT_LEAST: Final = frozenset(
    {
        "minimum_samples",
        "minimum_records",
        "minimum_coverage",
        "threshold",
        "tolerated",
        "together",
        "veto",
        "verify_samples",
        "known_good.soak",
        "known_good.labels",
    }
)
"""Where more of it lets the controller switch back later, on more, or less often."""
_AT_MOST: Final = frozenset(
    {
        "per_day",
        "per_30_days",
        "maximum_alert_age",
        "fresh_events",
        "fresh_watermark",
        "longest_label_silence",
        "recover_within",
        "then_after",
        "blind_after",
        "heartbeat_silence",
        "converge",
        "stuck",
        "known_good.smoke_age",
    }
)
"""Where less of it does, takes reach from the AI sooner, or calls people sooner."""
_ROUTES: Final = frozenset({"then", "on_environment", "on_breach", "on_blind"})
_REACH: Final = ("rollback", "standard", "page", None, "assisted", "manual")
"""What follows of itself, from what lets the controller or the AI do the most; `page` and None change no route."""
_BESIDE: Final = frozenset({"mode"})
"""What approval is not about: it is asked for in mode enforce alone."""


_DEFAULTS: Final = {field.name: field.default for field in fields(Terms)}


def agreed(terms: Terms) -> str:
    """Return what a policy lets the controller do with one model, as JSON that can be kept and compared."""
    return json.dumps(_flat(asdict(terms)), sort_keys=True, default=_plain)


def looser(before: str, after: str) -> tuple[str, ...]:
    """Return what lets the controller do more than what was agreed on, or of which that cannot be told.

    Both as `agreed` returns them; `before` is empty where it is not known, and then nothing can be told.

    >>> looser('{"per_day": 1, "veto": 60.0}', '{"per_day": 1, "veto": 120.0}')
    ()
    >>> looser('{"per_day": 1, "veto": 60.0}', '{"per_day": 3, "veto": 120.0}')
    ('per_day 1 to 3',)
    >>> looser('{"baseline_hash": "a"}', '{"baseline_hash": "b"}')
    ('baseline_hash',)
    """
    if not before:
        return ("what was agreed on is not known",)
    known, found = json.loads(before), json.loads(after)
    if found.get("then") == "rollback" and found.get("then_after") != known.get("then_after"):
        return ("then_after",)  # the one of them after which it switches back without its guards
    # What an earlier release did not know it did as the default does.
    new = {key for key in found.keys() - known.keys() if key in _DEFAULTS and found[key] == _DEFAULTS[key]}
    return tuple(
        _words(key, known.get(key), found.get(key))
        for key in sorted((known.keys() | found.keys()) - _BESIDE - new)
        if not _as_strict(key, known.get(key), found.get(key))
    )


def _as_strict(key: str, before: Any, after: Any) -> bool:
    if before == after:
        return True
    if key in _ROUTES:
        return before in _REACH and after in _REACH and _REACH.index(after) >= _REACH.index(before)
    if before is None or after is None:
        return False
    if key in _AT_LEAST:
        return bool(after >= before)
    if key in _AT_MOST:
        return bool(after <= before)
    # What a new version may be used for is decided by the release ledger, not by its name in the policy.
    return key == "versions" and set(before) <= set(after)


def _words(key: str, before: Any, after: Any) -> str:
    return f"{key} {before:g} to {after:g}" if key in _AT_LEAST | _AT_MOST and None not in {before, after} else key


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Return the rules of the ledger as keys of their own, so that each is compared by itself."""
    rules = values.pop("known_good")
    return {**values, **{f"known_good.{key}": value for key, value in rules.items()}}


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)
