"""Situations of a controller that could not go back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._cases_model import Scenario, Series, Subject, level
from otel_clinical.semconv import AGGREGATE, attributes, metrics
from otel_clinical.semconv.enums import RollbackMode, RollbackState

if TYPE_CHECKING:
    from collections.abc import Iterator


def arming_cases(subject: Subject) -> Iterator[Scenario]:
    """Yield the scenarios of one model."""
    yield _disarmed(subject)
    yield _no_way_back(subject)
    yield Scenario(
        "ClinicalAIPolicyNotApproved",
        fires={"it was changed": (level(metrics.ROLLBACK_POLICY_UNAPPROVED, subject.model, 1),)},
        quiet={"it is the approved one": (level(metrics.ROLLBACK_POLICY_UNAPPROVED, subject.model, 0),)},
        about=(subject.model,),
        model=subject.name,
    )


def _mode(subject: Subject, mode: RollbackMode) -> Series:
    return level(metrics.ROLLBACK_MODE, {**subject.model, attributes.ROLLBACK_MODE: mode.value}, 1)


def _disarmed(subject: Subject) -> Scenario:
    def stands(state: RollbackState) -> Series:
        whole = {attributes.SEGMENT_NAME: AGGREGATE, attributes.SEGMENT_VALUE: AGGREGATE}
        return level(metrics.ROLLBACK_STATE, {**subject.model, **whole, attributes.ROLLBACK_STATE: state.value}, 1)

    enforce = _mode(subject, RollbackMode.ENFORCE)
    return Scenario(
        "ClinicalAIControllerDisarmed",
        fires={
            "people or readiness keep it from acting": (enforce, stands(RollbackState.DISARMED)),
            "people decide themselves for a while": (enforce, stands(RollbackState.OVERRIDDEN)),
        },
        quiet={
            "it may act": (enforce, stands(RollbackState.HEALTHY)),
            "its mode would not let it act anyway": (
                _mode(subject, RollbackMode.OBSERVE),
                stands(RollbackState.DISARMED),
            ),
        },
        about=(subject.model,),
        model=subject.name,
    )


def _no_way_back(subject: Subject) -> Scenario:
    enforce = _mode(subject, RollbackMode.ENFORCE)
    return Scenario(
        "ClinicalAINoWayBack",
        fires={"no version is known good": (enforce, level(metrics.ROLLBACK_WAY_BACK, subject.model, 0))},
        quiet={
            "one is": (enforce, level(metrics.ROLLBACK_WAY_BACK, subject.model, 1)),
            "nothing is done automatically": (
                _mode(subject, RollbackMode.RECOMMEND),
                level(metrics.ROLLBACK_WAY_BACK, subject.model, 0),
            ),
        },
        about=(subject.model,),
        model=subject.name,
    )
