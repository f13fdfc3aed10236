"""Watch the time that a task takes with the model and without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_model import Group, Record, Rule
from otel_clinical.generate._rules_promql import (
    Conditions,
    Keys,
    duration,
    labels,
    matchers,
    none_of,
    number,
    over,
)
from otel_clinical.generate._rules_text import Author, Message, label
from otel_clinical.policy import duration_text
from otel_clinical.semconv import OTHER, attributes, metrics
from otel_clinical.semconv.enums import Assistance
from otel_clinical.semconv.small_cells import SMALL_CELL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert, Pace
    from otel_clinical.policy import Policy

TASKS: Final = "task:clinical_ai_tasks:increase"
"""Finished tasks of the window, with the model and without it."""
MEAN: Final = "task:clinical_ai_task_duration_seconds:mean"
"""Mean time of one of them."""
RATIO: Final = "task:clinical_ai_task_time:ratio"
"""Mean time with the model over that without it."""

NO_TIME_SAVED: Final = "ClinicalAINoTimeSaved"

_TASK: Final[Keys] = (attributes.TASK_NAME,)
_BOTH: Final[Keys] = (*_TASK, attributes.ASSISTANCE)
_NORMAL: Final = 1.645  # quantile of 95 %
_DURATION: Final = metrics.TASK_DURATION.prometheus


def task_times(policy: Policy, pace: Pace) -> Iterator[Group]:
    """Yield the records and the alert about timed work, where the policy names any."""
    if policy.vocabulary.tasks:
        rules = (*_records(pace.window(policy.task_time.window)), _no_time_saved(Author(policy), policy, pace))
        yield Group("clinical-ai-task-time", rules)


def _records(window: float) -> Iterator[Rule]:
    def grown(part: str) -> str:
        return over("sum", _BOTH, f"increase({_DURATION}_{part}{_named({})}[{duration(window)}])")

    yield Record(TASKS, f"{grown('count')} > 0")
    yield Record(MEAN, f"{grown('sum')} / ({grown('count')} >= {SMALL_CELL})")
    yield Record(RATIO, over("sum", _TASK, _of(MEAN, Assistance.WITH_AI)) + f" / {_without(MEAN)}")


def _without(record: str) -> str:
    return over("sum", _TASK, _of(record, Assistance.WITHOUT_AI))


def _of(record: str, assistance: Assistance) -> str:
    return record + _named({attributes.ASSISTANCE: assistance.value})


def _named(conditions: Conditions) -> str:
    """Select one kind of work: what lies behind `_OTHER` is no task, and its mix may be anything."""
    return matchers({attributes.TASK_NAME: none_of(OTHER), **conditions})


def _no_time_saved(author: Author, policy: Policy, pace: Pace) -> Alert:
    limits = policy.task_time
    helped, alone = (over("sum", _TASK, _of(TASKS, one)) for one in (Assistance.WITH_AI, Assistance.WITHOUT_AI))
    # Times of work are about as spread as those of waiting, or less: the deviation of their mean is at most itself
    # over the root of their number. So this is the ratio's lower bound of 95 %.
    least = f"{RATIO} * exp(-{number(_NORMAL)} * sqrt(1 / {helped} + 1 / {alone}))"
    enough = f"min by ({labels(_TASK)}) ({TASKS}) >= {limits.minimum_tasks}"
    task = label(attributes.TASK_NAME)
    percent = number(limits.maximum_ratio * 100)
    return author.alert(
        NO_TIME_SAVED,
        f"{RATIO}\n  and on ({labels(_TASK)}) ({least} > {number(limits.maximum_ratio)})\n"
        f"  and on ({labels(_TASK)}) ({enough})",
        Message(
            f"{task}: takes {{{{ $value | humanizePercentage }}}} of its time without the model",
            f"What: {task} with the model takes {{{{ $value | humanizePercentage }}}} of what it takes without it, on "
            f"average; {percent} % are accepted. Since: over the last {duration_text(limits.window)}. How sure: the "
            f"lower bound of 95 % is above {percent} %, of at least {limits.minimum_tasks} tasks of either kind. It is "
            "no experiment: who uses the model, and for which cases, differs.",
            "No page. Ask two users where the time goes: waiting for the answer, correcting it, two screens. Compare "
            "with the overrides, and like with like before anybody reports a saving. The machine does nothing.",
        ),
        severity="info",
        category="override",
        pending=pace.settle,
    )
