"""A declared quality profile: what a record must hold, and what happens when it does not."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from otel_clinical._spelling import spelled_class
from otel_clinical.semconv.enums import InputDomain, InputIssueType, InputQualityAction

from ._fields import MISSING, as_number, read_field
from ._sound import compile_checks, is_sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ._sound import Check

# From the mildest to the most restrictive.
_SEVERITY = (
    InputQualityAction.PASS,
    InputQualityAction.FLAG,
    InputQualityAction.FALLBACK,
    InputQualityAction.REFUSE,
)


@dataclass(frozen=True, slots=True)
class QualityIssue:
    """One failed check: the declared field and the kind of fault, never the value."""

    field: str
    type: InputIssueType
    domain: InputDomain = InputDomain.OTHER


@dataclass(frozen=True, slots=True)
class QualityResult:
    """What a profile found in one record.

    `score` is the share of the applicable checks that passed, 0 to 1; None when no check applied.
    """

    score: float | None
    action: InputQualityAction
    issues: tuple[QualityIssue, ...] = ()


@spelled_class
@dataclass(frozen=True, slots=True)
class QualityProfile:
    """Declare what a record must hold before a model may answer on it.

    Attributes:
        required: Fields that must be present and not empty.
        ranges: Lowest and highest plausible number of a field, both included; absent fields are not judged.
        flag_below: Score under which a person should check the answer; None for never.
        fallback_below: Score under which the fallback answers instead of the model.
        refuse_below: Score under which nothing answers.
        critical: Fields whose failure decides whatever the score; a mean would hide the one fatal hole.
        critical_action: What a critical failure leads to, at least.
        domains: Part of the record each field belongs to, for the issue counts.

    Raises:
        ValueError: a threshold, range or field that cannot be meant.

    >>> profile = QualityProfile(required=("age", "dx"), ranges={"age": (0, 120)}, refuse_below=0.4)
    >>> profile.assess({"age": 40, "dx": "J10"}).score
    1.0
    >>> profile.assess({"age": 400}).action
    <InputQualityAction.REFUSE: 'refuse'>
    """

    required: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    flag_below: float | None = 0.9
    fallback_below: float | None = None
    refuse_below: float | None = None
    critical: tuple[str, ...] = ()
    critical_action: InputQualityAction = InputQualityAction.FALLBACK
    domains: Mapping[str, InputDomain] = field(default_factory=dict)
    _checks: tuple[Check, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "required", _names("required", self.required))
        object.__setattr__(self, "critical", _names("critical", self.critical))
        object.__setattr__(self, "ranges", MappingProxyType(_checked_ranges(self.ranges)))
        object.__setattr__(self, "domains", MappingProxyType(dict(self.domains)))
        object.__setattr__(self, "critical_action", InputQualityAction(self.critical_action))
        _check_thresholds(self.refuse_below, self.fallback_below, self.flag_below)
        checked = {*self.required, *self.ranges}
        if not checked:
            raise ValueError("QualityProfile: no required field and no range, expected at least one check")
        for name in (*self.critical, *self.domains):
            if name not in checked:
                raise ValueError(f"QualityProfile: {name!r} is neither required nor in ranges; declare a check")
        object.__setattr__(self, "_checks", compile_checks(self.required, self.ranges))

    def assess(self, record: object) -> QualityResult:
        """Check one mapping or object."""
        if type(record) is dict and is_sound(self._checks, record):
            return _SOUND
        return self.assess_fields(lambda name: read_field(record, name))

    def assess_fields(self, read: Callable[[str], object]) -> QualityResult:
        """Check a record through `read(field)`, which returns `MISSING` for what is not there."""
        values = {name: read(name) for name in dict.fromkeys((*self.required, *self.ranges))}
        absent = {name for name, value in values.items() if _is_absent(value)}
        issues = [self._issue(name, InputIssueType.MISSING) for name in self.required if name in absent]
        applicable = len(self.required)
        for name, (low, high) in self.ranges.items():
            if name in absent:
                continue  # a hole counts once, as missing, and only where the field is required
            applicable += 1
            fault = _range_fault(values[name], low, high)
            if fault is not None:
                issues.append(self._issue(name, fault))
        score = 1 - len(issues) / applicable if applicable else None
        return QualityResult(score, self._action(score, issues), tuple(issues))

    def _issue(self, name: str, fault: InputIssueType) -> QualityIssue:
        return QualityIssue(name, fault, self.domains.get(name, InputDomain.OTHER))

    def _action(self, score: float | None, issues: Iterable[QualityIssue]) -> InputQualityAction:
        action = self._action_by_score(score)
        if any(issue.field in self.critical for issue in issues):
            return max(action, self.critical_action, key=_SEVERITY.index)
        return action

    def _action_by_score(self, score: float | None) -> InputQualityAction:
        if score is None:
            return InputQualityAction.FLAG  # nothing could be checked: that is not a pass
        for limit, action in (
            (self.refuse_below, InputQualityAction.REFUSE),
            (self.fallback_below, InputQualityAction.FALLBACK),
            (self.flag_below, InputQualityAction.FLAG),
        ):
            if limit is not None and score < limit:
                return action
        return InputQualityAction.PASS


# What a record without a fault comes to, whatever the thresholds: they are shares, and none is above 1.
_SOUND = QualityResult(1.0, InputQualityAction.PASS)


def _is_absent(value: object) -> bool:
    if value is MISSING or value is None:
        return True
    if type(value) is str:
        return not value.strip()
    return type(value) is float and math.isnan(value)


def _range_fault(value: object, low: float, high: float) -> InputIssueType | None:
    number = as_number(value)
    if number is None or not math.isfinite(number):
        return InputIssueType.INVALID_FORMAT
    return None if low <= number <= high else InputIssueType.OUT_OF_RANGE


def _names(what: str, names: Iterable[object]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise ValueError(f"QualityProfile: {what} is the string {names!r}, expected a tuple of field names")  # noqa: TRY004 -- one error type for a bad profile
    found: list[str] = []
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(f"QualityProfile: {what} holds {name!r}, expected a field name")
        if name in found:
            raise ValueError(f"QualityProfile: {what} names {name!r} twice")
        found.append(name)
    return tuple(found)


def _checked_ranges(ranges: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    for name, bounds in ranges.items():
        low, high = bounds
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(
                f"QualityProfile: range of {name!r} is {bounds!r}, expected (lowest, highest), finite and rising"
            )
    return dict(ranges)


def _check_thresholds(*rising: float | None) -> None:
    names = ("refuse_below", "fallback_below", "flag_below")
    given = [(name, value) for name, value in zip(names, rising, strict=True) if value is not None]
    for name, value in given:
        if not 0 <= value <= 1:
            raise ValueError(f"QualityProfile: {name} is {value!r}, expected a score between 0 and 1")
    for (lower, low), (upper, high) in pairwise(given):
        if low > high:
            raise ValueError(f"QualityProfile: {lower} is {low!r}, expected no more than {upper} ({high!r})")
