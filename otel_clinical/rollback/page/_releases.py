"""Say of every version in the ledger what speaks for going back to it, and what does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback.ledger import KnownGoodRules, ReleaseStatus
from otel_clinical.rollback.page._moments import span
from otel_clinical.semconv.small_cells import SMALL_CELL, enough

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.page._moments import Moments
    from otel_clinical.rollback.terms import Terms

_STATUS: Final = {
    ReleaseStatus.CANDIDATE: "registered, never served",
    ReleaseStatus.ACTIVE: "serves",
    ReleaseStatus.KNOWN_GOOD: "served before",
    ReleaseStatus.SUPERSEDED: "served before",
    ReleaseStatus.RETIRED: "retired",
}
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Known:
    """One version as the ledger page shows it; `tags` are (style, words)."""

    model: str
    version: str
    tags: tuple[tuple[str, str], ...]
    good: str
    served: str
    soak: str
    outcomes: str
    baseline: str
    inputs: str
    artifact: str
    golden_set: str


def known_versions(
    ledger: Mapping[str, Sequence[Mapping[str, Any]]],
    terms: Mapping[str, Terms],
    pointers: Mapping[str, ReleasePointer],
    backs: Mapping[str, str | None],
    moments: Moments,
) -> tuple[Known, ...]:
    """Return every version of the ledger, of each model the one that serves first, then the newest.

    Args:
        ledger: As the store reads it.
        terms: By model; a model that the policy no longer names has none.
        pointers: What serves, by model.
        backs: Which version would be restored now, by model.
        moments: How times are said.
    """
    quarantined = {(row["model"], row["version"]): row["since"] for row in ledger["quarantines"]}
    schemas = {(row["model"], row["version"]): row["schema_hash"] for row in ledger["releases"]}

    def shown(row: Mapping[str, Any]) -> Known:
        model, version = row["model"], row["version"]
        pointer, term = pointers.get(model), terms.get(model)
        serves = pointer is not None and pointer.version == version
        rules = term.known_good if term is not None else KnownGoodRules()
        held = quarantined.get((model, version))
        return Known(
            model=model,
            version=version,
            tags=tuple(_tags(row, serves=serves, back=backs.get(model) == version, held=held is not None)),
            good=_good(row, moments),
            served=_served(row, moments),
            soak=_soak(row, rules, moments),
            outcomes=_outcomes(row["labels"], rules),
            baseline=_baseline(row["baseline_hash"], term),
            inputs=_inputs(row, schemas.get((model, pointer.version)) if pointer else None, serves=serves),
            artifact=_short(row["digest"]) or "none registered",
            golden_set=_golden_set(row, rules, moments),
        )

    def order(row: Mapping[str, Any]) -> tuple[Any, ...]:
        pointer = pointers.get(row["model"])
        serves = pointer is not None and pointer.version == row["version"]
        return row["model"], not serves, -(row["activated_at"] or 0.0), row["version"]

    return tuple(shown(row) for row in sorted(ledger["releases"], key=order))


def _tags(row: Mapping[str, Any], *, serves: bool, back: bool, held: bool) -> Iterator[tuple[str, str]]:
    if serves:
        yield "calm", "serves"
    elif row["status"] != ReleaseStatus.ACTIVE:
        yield "plain", _STATUS[ReleaseStatus(row["status"])]
    if held:
        yield "loud", "quarantined"
    if back:
        yield "calm", "would be restored now"


def _good(row: Mapping[str, Any], moments: Moments) -> str:
    if row["good_since"] is None:
        return "no: nobody vouches for it"
    who = "the controller, after soak and outcomes" if row["good_by"] == "controller" else row["good_by"]
    return f"yes, since {moments.full(row['good_since'])}, by {who}"


def _served(row: Mapping[str, Any], moments: Moments) -> str:
    begun, ended = row["activated_at"], row["deactivated_at"]
    if begun is None:
        return f"until {moments.full(ended)}" if ended is not None else "never"
    return f"{moments.full(begun)} to {moments.full(ended)}" if ended is not None else f"since {moments.full(begun)}"


def _soak(row: Mapping[str, Any], rules: KnownGoodRules, moments: Moments) -> str:
    if row["activated_at"] is None:
        return f"not known of {span(rules.soak)} asked"
    return f"{span((row['deactivated_at'] or moments.now) - row['activated_at'])} of {span(rules.soak)} asked"


def _outcomes(labels: float, rules: KnownGoodRules) -> str:
    seen = f"{labels:,.0f}" if labels and enough(labels) else f"fewer than {SMALL_CELL}"
    return f"{seen} of {rules.labels:,} asked"


def _baseline(found: str, terms: Terms | None) -> str:
    if not found:
        return "none registered"
    if terms is None:
        return _short(found)
    return f"{_short(found)}, {'the' if found == terms.baseline_hash else 'not the'} policy's"


def _inputs(row: Mapping[str, Any], serving: str | None, *, serves: bool) -> str:
    shown = _short(row["schema_hash"]) or "none registered"
    if serves or serving is None or not row["schema_hash"]:
        return shown
    return f"{shown}, {'the same as' if row['schema_hash'] == serving else 'other than'} what serves"


def _golden_set(row: Mapping[str, Any], rules: KnownGoodRules, moments: Moments) -> str:
    if row["smoke_at"] is None:
        return "never run" if rules.smoke_command else "the policy names none"
    result = f"failed: {row['smoke_problem']}" if row["smoke_problem"] else "passed"
    late = ", too long ago" if moments.now - row["smoke_at"] > rules.smoke_age else ""
    return f"{result}, {moments.full(row['smoke_at'])} ({moments.ago(row['smoke_at'])}{late})"


def _short(value: str) -> str:
    """Return a hash as people compare it."""
    return value.removeprefix("sha256:")[:_DIGITS]
