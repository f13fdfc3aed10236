"""What type checkers must see. Checked by mypy in test_typing.py; never run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, assert_type

from otel_clinical import (
    Inference,
    ModelRouter,
    QualityProfile,
    Receipt,
    Recorded,
    ReviewAction,
    RoutingLevel,
    business,
    current_inference,
    feedback,
    inference,
    input_quality,
    outcome,
    record_feedback,
    record_inference,
    record_outcome,
    record_review,
    record_safety_event,
    review,
    safety_event,
    task,
)
from otel_clinical.testing import Capture, capture

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager, AbstractContextManager


@inference(model="coding", version="7", segments={"payer": "payer", "site": lambda arguments: arguments["site"]})
def plain(encounter: dict[str, str], *, limit: int = 3) -> list[str]:
    return [*encounter][:limit]


@inference(model="coding", version="7")
async def coroutine(encounter: str) -> int:
    return len(encounter)


@inference(model="coding", version="7")
def generator(encounter: str) -> Generator[int, str, bool]:
    sent = yield 1
    return sent == encounter


@inference(model="coding", version="7")
async def async_generator(encounter: str) -> AsyncGenerator[str, None]:
    yield encounter


class Service:
    @inference(model="coding", version="7")
    def method(self, encounter: str) -> float:
        return float(encounter)

    @classmethod
    @inference(model="coding", version="7")
    def of_class(cls, encounter: str) -> float:
        return float(encounter)


@task("chart_review")
@business(task="coding")
@review(action=ReviewAction.ACCEPTED)
@outcome()
@feedback()
@safety_event()
@input_quality(QualityProfile(required=("age",)))
def everything(receipt: Receipt) -> str:
    return receipt.model


async def kinds(service: Service) -> None:
    assert_type(plain({"a": "b"}, limit=1), list[str])
    pending: Coroutine[Any, Any, int] = coroutine("a")
    assert_type(await pending, int)
    assert_type(generator("a"), Generator[int, str, bool])
    assert_type(async_generator("a"), AsyncGenerator[str, None])
    assert_type(service.method("1"), float)
    assert_type(Service.of_class("1"), float)
    plain("a")  # type: ignore[arg-type]
    plain({}, limits=1)  # type: ignore[call-arg]
    await coroutine(1)  # type: ignore[arg-type]


async def blocks(router: ModelRouter) -> None:
    with inference(model="coding", router=router, segments={"payer": "medicaid"}) as current:
        assert_type(current, Inference)
        assert_type(current.receipt, Receipt)
        assert_type(current.route, RoutingLevel)
    async with inference(model="coding", version="7") as again:
        assert_type(again, Inference)
    manager: AbstractContextManager[Inference] = inference(model="coding", version="7")
    async_manager: AbstractAsyncContextManager[Inference] = inference(model="coding", version="7")
    work: AbstractContextManager[None] = task("chart_review")
    del manager, async_manager, work


def receipts() -> None:
    receipt = record_inference(model="coding", version="7")
    assert_type(receipt, Receipt)
    assert_type(current_inference().receipt.dumps(), str)
    assert_type(Receipt.loads("x"), Receipt)
    assert_type(everything(receipt), str)
    assert_type(record_outcome(receipt, result="correct"), Recorded)
    assert_type(record_review("text", action=ReviewAction.EDITED, edit_ratio=0.5), Recorded)
    assert_type(record_feedback(receipt, rating="positive"), Recorded)
    assert_type(record_safety_event(receipt, severity="near_miss"), Recorded)
    record_outcome(receipt, result=1)  # type: ignore[arg-type]
    record_outcome(receipt, note="text", result="correct")  # type: ignore[call-arg]


def misuse(function: Callable[[], int]) -> None:
    inference(function)  # type: ignore[arg-type, call-arg]
    inference(version="7")  # type: ignore[call-arg]
    task(function)  # type: ignore[arg-type]


def tests() -> None:
    with capture() as captured:
        assert_type(captured, Capture)
