"""Say what the evidence of an incident is, from the newest look that shows any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from otel_clinical.semconv.attribution_words import reason_text
from otel_clinical.semconv.small_cells import enough

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DROP: Final = "Drop below the baseline"
_PLENTY: Final = 1e6
_PROOF: Final = "1 or more is proof, within the policy's false-alarm budget"
_AGGREGATE: Final = "all"
_INPUT: Final = "input"


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of evidence: what, how much, and what it means."""

    name: str
    value: str
    meaning: str = ""


def telling(incident: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the newest look that shows how much was lost, of input on how many records it rests; else the newest.

    While Prometheus is away the newest look shows nothing. What was seen before it went stays true of then.
    """
    last: Mapping[str, Any] = incident.get("last") or {}
    figure = "samples" if incident["key"]["cause"] == _INPUT else "drop"
    # What was suppressed is of few: an older look would only say the same about fewer.
    if last.get("suppressed") or _number(last.get(figure)):
        return last
    looks = [event["data"].get("evidence") for event in incident.get("events") or ()]
    shown = [look for look in looks if isinstance(look, dict) and _number(look.get(figure))]
    return max(shown, key=lambda look: look.get("taken_at") or 0.0, default=last)


def basis_of(incident: Mapping[str, Any], look: Mapping[str, Any]) -> Iterator[Fact]:
    """Yield what a decision was taken by: the policy, the baseline, the release of the controller."""
    ran = incident.get("ran") or {}
    if ran.get("policy"):
        yield Fact("Policy in force", str(ran["policy"]), "what the hospital decided beforehand, by its hash")
    for found in look.get("baseline_hashes") or ():
        yield Fact("Baseline measured against", str(found), "as the drift processor reported it")
    if ran.get("release"):
        yield Fact("Release of the controller", str(ran["release"]))


def few(look: Mapping[str, Any]) -> bool:
    """Return whether the figures are of so few outcomes or records that they would be about somebody."""
    samples = look.get("samples")
    return isinstance(samples, int | float) and not enough(samples)


def facts_of(look: Mapping[str, Any], key: Mapping[str, Any]) -> Iterator[Fact]:
    """Yield what a decision about `key` rests on; figures of few are left out."""
    aggregate, hidden = key["segment"]["name"] == _AGGREGATE, few(look)
    drop, samples = look.get("drop"), look.get("samples")
    if _number(drop) and not hidden:
        yield Fact(DROP, f"{drop:.1%}", _bounds(look, aggregate=aggregate))
    if _number(samples) and not hidden:
        what = "Records it rests on" if key["cause"] == _INPUT else "Outcomes it rests on"
        yield Fact(what, f"{samples:,.0f}")
    if _number(evidence := look.get("evidence")) and not hidden:
        yield Fact("Strength of the proof for tier 3", _proof(evidence), _PROOF)
    if _number(whole := look.get("aggregate_evidence")):
        yield Fact("Strength of the proof for tier 2, all segments together", _proof(whole), _PROOF)
    if _number(activation := look.get("activation")):
        meaning = "counts how often a version was put into service; the evidence begins anew with each"
        yield Fact("Activation it belongs to", f"{activation:.0f}", meaning)
    if look.get("cause") and not hidden:
        reasons = "; ".join(map(reason_text, look.get("reasons") or ()))
        yield Fact("The processor puts it down to", str(look["cause"]).replace("_", " "), reasons)


def _bounds(look: Mapping[str, Any], *, aggregate: bool) -> str:
    mix = ", at the baseline's mix of cases" if aggregate else ""
    lower, upper = look.get("lower"), look.get("upper")
    if _number(lower) and _number(upper):
        return f"between {lower:.1%} and {upper:.1%} with 95 % confidence; since the change point{mix}"
    return f"since the change point{mix}"


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _proof(evidence: float) -> str:
    """Show evidence; beyond a million its size says nothing more."""
    if evidence >= _PLENTY:
        return "more than 1,000,000"
    return f"{evidence:,.1f}" if evidence >= 1 else f"{evidence:.2g}"
