"""Situations of timed work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._cases_model import LOOKS, Scenario, Series, foreign
from otel_clinical.generate._rules_promql import number
from otel_clinical.generate._rules_tasks import NO_TIME_SAVED
from otel_clinical.semconv import OTHER, attributes, metrics
from otel_clinical.semconv.enums import Assistance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.policy import Policy

_MINUTE: Final = 60.0


def task_cases(policy: Policy) -> Iterator[Scenario]:
    """Yield the scenario of the alert about timed work, where the policy names any."""
    if not policy.vocabulary.tasks:
        return
    name, limits = policy.vocabulary.tasks[0], policy.task_time
    # Enough that nothing is left to chance in either direction.
    many = 100.0 * limits.minimum_tasks
    slower, faster = limits.maximum_ratio * 1.5, limits.maximum_ratio * 0.5
    alone = _work(name, Assistance.WITHOUT_AI, many, _MINUTE)
    few = limits.minimum_tasks / 4

    def helped(times: float, tasks: float = many, task: str = name) -> tuple[Series, ...]:
        return _work(task, Assistance.WITH_AI, tasks, times * _MINUTE)

    yield Scenario(
        NO_TIME_SAVED,
        fires={"it takes longer with the model": (*alone, *helped(slower))},
        quiet={
            "it takes less time with the model": (*alone, *helped(faster)),
            "it takes as long as is accepted, give or take chance": (*alone, *helped(limits.maximum_ratio * 1.01)),
            "there are too few tasks with the model": (*alone, *helped(slower * 10, few)),
            "there are too few tasks without the model": (
                *_work(name, Assistance.WITHOUT_AI, few, _MINUTE),
                *helped(slower * 10),
            ),
            "nobody works without the model": helped(slower),
            "the work has no name": (
                *_work(OTHER, Assistance.WITHOUT_AI, many, _MINUTE),
                *helped(slower, task=OTHER),
            ),
        },
        about=({attributes.TASK_NAME: name},),
    )


def _work(task: str, assistance: Assistance, tasks: float, seconds: float) -> tuple[Series, ...]:
    """Return the histogram's count and sum of tasks that take `seconds` on average."""
    here = {attributes.TASK_NAME: task, attributes.ASSISTANCE: assistance.value}
    each = tasks / LOOKS
    return tuple(
        foreign(f"{metrics.TASK_DURATION.prometheus}_{part}", here, f"0+{number(step)}x{LOOKS}")
        for part, step in (("count", each), ("sum", each * seconds))
    )
