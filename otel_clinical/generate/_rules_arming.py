"""Watch whether the controller could go back at all: is it armed, and is there a version to go back to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._rules_promql import MODEL, any_of, labels, over, select
from otel_clinical.generate._rules_text import MODEL_NAME, Author, Message
from otel_clinical.semconv import AGGREGATE, attributes, metrics
from otel_clinical.semconv.enums import RollbackMode, RollbackState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert, Pace
    from otel_clinical.generate._rules_promql import Conditions


def arming(author: Author, name: str, pace: Pace) -> Iterator[Alert]:
    """Yield the alerts about one model that is in mode enforce."""
    yield _disarmed(author, name, pace)
    yield _no_way_back(author, name, pace)
    yield _unapproved(author, name)


def _disarmed(author: Author, name: str, pace: Pace) -> Alert:
    kept: Conditions = {
        attributes.MODEL_NAME: name,
        attributes.ROLLBACK_STATE: any_of(RollbackState.DISARMED, RollbackState.OVERRIDDEN),
        attributes.SEGMENT_NAME: AGGREGATE,
    }
    held = over("max", MODEL, select(metrics.ROLLBACK_STATE, kept))
    return author.alert(
        "ClinicalAIControllerDisarmed",
        f"{held} == 1 and on ({labels(MODEL)}) {_enforcing(name)}",
        Message(
            f"{MODEL_NAME}: the controller is in mode enforce and does not act",
            f"What: {MODEL_NAME} is in mode enforce, and the controller only recommends: people disarmed it, or what "
            "it must have shown before it acts is missing. A proved drop pages, and nothing is changed by itself.",
            f"See why: `otel-clinical rollback status` and `otel-clinical rollback readiness`. Two people let it act: "
            f"`otel-clinical rollback arm {name} --state DIR --by NAME --reason TEXT`. Until then act on what it "
            "recommends yourself.",
        ),
        severity="warning",
        category="rollback",
        model=name,
        pending=pace.settle,
    )


def _no_way_back(author: Author, name: str, pace: Pace) -> Alert:
    found = over("max", MODEL, select(metrics.ROLLBACK_WAY_BACK, {attributes.MODEL_NAME: name}))
    return author.alert(
        "ClinicalAINoWayBack",
        f"{found} == 0 and on ({labels(MODEL)}) {_enforcing(name)}",
        Message(
            f"{MODEL_NAME}: there is no version to go back to",
            f"What: no version of {MODEL_NAME} but the one that serves is known good, registered, takes the same "
            "inputs and passed its golden set. A proved drop would put the model on the manual route.",
            "The controller's first page and `GET /v1/models` say what is missing. Register and vouch by day: "
            f"`otel-clinical release register|known-good {name} VERSION`. The machine does nothing.",
        ),
        severity="warning",
        category="rollback",
        model=name,
        pending=pace.stuck,
    )


def _unapproved(author: Author, name: str) -> Alert:
    changed = over("max", MODEL, select(metrics.ROLLBACK_POLICY_UNAPPROVED, {attributes.MODEL_NAME: name}))
    return author.alert(
        "ClinicalAIPolicyNotApproved",
        f"{changed} == 1",
        Message(
            f"{MODEL_NAME}: the controller is run by a policy that nobody approved",
            f"What: the policy by which {MODEL_NAME} is rolled back automatically was changed, and two people have not "
            "approved it. The controller already decides by it.",
            "Read what was changed; if nobody knows, put the old file back and restart the controller. Two people: "
            f"`otel-clinical rollback approve-policy {name} HASH --state DIR --by NAME --reason TEXT`.",
        ),
        severity="warning",
        category="rollback",
        model=name,
    )


def _enforcing(name: str) -> str:
    mode: Conditions = {attributes.MODEL_NAME: name, attributes.ROLLBACK_MODE: RollbackMode.ENFORCE.value}
    return f"({over('max', MODEL, select(metrics.ROLLBACK_MODE, mode))} == 1)"
