"""Take figures of few patients out of what leaves the controller's database for people or other systems."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from otel_clinical.semconv.small_cells import SMALL_CELL, enough

if TYPE_CHECKING:
    from collections.abc import Mapping

_COUNTS: Final = ("samples", "labels", "records", "arm_labels")
_KEPT: Final = ("needed", "taken_at", "clock", "evaluated_at", "change_point", "activation", "baseline", "label_time")
"""Numbers beside a small count that are times, thresholds or names and say nothing about the few."""
_LOOKS: Final = ("last", "evidence")
"""Where an incident or an audit event keeps the look that its sentences and numbers rest on."""
_COUNTED: Final = re.compile(
    r"(?P<figure>evidence (?:over )?[\d.,]+ on )?(?<![\d.,])(?P<count>\d+) (?P<unit>labels|records|outcomes|cases)\b"
)
_SHARE: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?: ?%| points)")


def leaving(value: Any, *, few: bool = False) -> Any:
    """Return JSON-ready values of incidents or audit events with small cells suppressed, at every depth.

    A mapping that counts few loses its figures; a sentence loses the count; and where the look of an incident rests on
    few, so do its guards: `few` is that case.

    >>> leaving({"samples": 4.0, "drop": 0.5, "cause": ""})
    {'samples': None, 'drop': None, 'cause': '', 'suppressed': True}
    >>> leaving("sample: evidence 3.10 on 4 labels, needs 1 on 100")
    'sample: <11 labels, needs 1 on 100'
    >>> leaving(["240 labels"])
    ['240 labels']
    >>> leaving({"last": {"samples": 4.0}, "reason": "drop 25.0 %"})["reason"]
    'drop (too few to show)'
    """
    if isinstance(value, dict):
        return _mapping(value, few=few)
    if isinstance(value, list | tuple):
        return [leaving(item, few=few) for item in value]
    if not isinstance(value, str):
        return value
    return _COUNTED.sub(_masked, _SHARE.sub("(too few to show)", value) if few else value)


def _mapping(value: Mapping[str, Any], *, few: bool) -> dict[str, Any]:
    few = few or any(_counts_few(look) for name in _LOOKS if isinstance(look := value.get(name), dict))
    found = {name: leaving(item, few=few) for name, item in value.items()}
    if few and "facts" in found:
        found["facts"] = {}
    # Drops of single segment values, kept without the counts that would say whether they may be shown.
    if "strata" in found:
        found["strata"] = []
    if _counts_few(value):
        found |= {name: None for name, item in value.items() if _is_number(item) and name not in _KEPT}
        found["suppressed"] = True
    return found


def _counts_few(value: Mapping[str, Any]) -> bool:
    return any(_is_number(count := value.get(name)) and not enough(count) for name in _COUNTS)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _masked(found: re.Match[str]) -> str:
    if enough(int(found["count"])):
        return found[0]
    return f"<{SMALL_CELL} {found['unit']}"
