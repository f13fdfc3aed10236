"""Tell the five acts: what is injected, what must happen, what must not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv.enums import RollbackDecision
from otel_clinical.simulate import _expectations as see
from otel_clinical.simulate._expectations import Expectation
from otel_clinical.simulate._view import EVERYWHERE, TIERS, Place
from otel_clinical.simulate.population import NORMAL_MIX
from otel_clinical.simulate.truth import QUIET, Truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.simulate._view import View

_ENGINEERING, _GOVERNANCE, _ROLLBACK = TIERS
_PULMONOLOGY: Final[Place] = ("department", "pulmonology")
_MEDICAID: Final[Place] = ("payer", "medicaid")
_SOURCE: Final[Place] = ("source_system", "ehr-c")
_SURGE_SHARE: Final = 0.65
BAD_RELEASE: Final = "bad release"


@dataclass(frozen=True, slots=True)
class Act:
    """One act; all times in seconds.

    Args:
        name: Stands in the machine-readable result.
        title: Stands above the act.
        injected: The change of the truth, in words.
        truth: The truth while the act is on.
        must: What has to be seen before ``deadline``.
        must_not: What may not be seen until the act is over.
        settle: How long the act is watched after everything that must happen has happened.
        release: Version that people activate when the act begins, if any.
        ready: Tells when the act can begin, because what earlier acts left has cleared.
        waits_for: What ``ready`` tells, in words.
    """

    name: str
    title: str
    injected: str
    truth: Truth
    must: tuple[Expectation, ...]
    must_not: tuple[Expectation, ...]
    settle: float
    deadline: float = 75.0
    release: str | None = None
    ready: Callable[[View], bool] = lambda _: True
    waits_for: str = "an answer of every process"


def playbill(*, fast: bool) -> tuple[Act, ...]:
    """Return the acts in the order they are played; ``fast`` watches each for a shorter time."""
    acts = (_calm(), _flu_surge(), _payer_rule(), _ehr_module(), _bad_release())
    return tuple(replace(act, settle=act.settle / 2) for act in acts) if fast else acts


def _calm() -> Act:
    return Act(
        name="calm",
        title="Calm",
        injected="nothing",
        truth=QUIET,
        must=(
            Expectation("watchdog heartbeats at the controller", see.heartbeats),
            Expectation("accuracy at its baseline", see.at_baseline),
        ),
        must_not=(
            Expectation("any tier", see.no_tier(*TIERS)),
            Expectation("any change of the release pointer", see.pointer_change),
        ),
        settle=12.0,
        ready=_warm,
        waits_for="mature labels and the first heartbeat",
    )


def _flu_surge() -> Act:
    others = sum(NORMAL_MIX.values()) - NORMAL_MIX["pulmonology"]
    mix = {name: share * (1 - _SURGE_SHARE) / others for name, share in NORMAL_MIX.items()}
    return Act(
        name="flu surge",
        title="Month 8: a flu surge",
        injected=f"{_SURGE_SHARE:.0%} of the encounters are respiratory; accuracy per department is unchanged",
        truth=replace(QUIET, mix={**mix, "pulmonology": _SURGE_SHARE}),
        must=(Expectation("the mix moves and plain accuracy falls", see.surge(_PULMONOLOGY)),),
        must_not=(
            Expectation("tier 2 or tier 3", see.no_tier(_GOVERNANCE, _ROLLBACK)),
            Expectation("tier 1 for anything but a drift flag", see.no_tier(_ENGINEERING, but="drift")),
            Expectation("any change of the release pointer", see.pointer_change),
        ),
        settle=16.0,
    )


def _payer_rule() -> Act:
    return Act(
        name="payer rule",
        title="Month 3: a payer changes its rules",
        injected="both versions are 20 % worse for medicaid",
        truth=replace(QUIET, payer_drop={"medicaid": 0.20}),
        must=(
            Expectation("tier 3 evidence for medicaid", see.tier(_ROLLBACK, _MEDICAID)),
            Expectation("decision: safe mode for medicaid", see.decision(RollbackDecision.SAFE_MODE, _MEDICAID)),
            Expectation("a pointer rule for medicaid", see.rule(_MEDICAID)),
            Expectation("the routers follow it", see.held(_MEDICAID)),
        ),
        must_not=(
            Expectation("tier 3 anywhere else", see.no_tier(_ROLLBACK, outside=_MEDICAID)),
            Expectation("a rollback of the version", see.version_change),
        ),
        settle=4.0,
    )


def _ehr_module() -> Act:
    return Act(
        name="EHR module",
        title="Month 5: a new EHR module",
        injected="30 % of the records of ehr-c lose required fields",
        truth=replace(QUIET, lost_fields={"ehr-c": 0.30}),
        must=(
            Expectation("records of ehr-c arrive incomplete", see.low_records("ehr-c", 0.20)),
            Expectation("an input-quality alert", see.alert("input-quality alert", _SOURCE, action="hold")),
            Expectation("decision: hold the source", see.decision(RollbackDecision.HOLD, _SOURCE)),
            Expectation("a pointer rule for ehr-c", see.rule(_SOURCE)),
            Expectation("the routers follow it", see.held(_SOURCE)),
        ),
        must_not=(Expectation("a rollback of the version", see.version_change),),
        settle=4.0,
    )


def _bad_release() -> Act:
    return Act(
        name=BAD_RELEASE,
        title="A bad release",
        injected="version 8 is activated; it is 25 % worse everywhere",
        truth=QUIET,
        release="8",
        must=(
            Expectation("tiers 1, 2, 3 in order", see.tiers_in_order(EVERYWHERE, "8")),
            Expectation("decision: rollback", see.decision(RollbackDecision.ROLLBACK, EVERYWHERE)),
            Expectation("version 7 serves again", see.serves("7")),
            Expectation("verified by recovered accuracy", see.verified),
        ),
        must_not=(
            Expectation("a second rollback", see.second_rollback),
            Expectation("flapping", see.flapping("8")),
        ),
        settle=12.0,
        ready=_healed,
        waits_for="the end of the input-quality alert",
    )


def _warm(view: View) -> bool:
    """Tell whether the whole chain has warmed up: labels are mature and the watchdog was heard."""
    here = view.here()
    return here.performance is not None and here.baseline is not None and view.heartbeat_at is not None


def _healed(view: View) -> bool:
    """Tell whether nothing is left of the EHR module that could be taken for a cause of what comes next."""
    return not any(alert.labels.get("action") == "hold" for alert in view.alerts)
