"""What type checkers must refuse: the negative control of api.py. Every marked line is an error; never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical import OutcomeResult, current_inference, inference, record_outcome, record_review, task

if TYPE_CHECKING:
    from otel_clinical import Receipt


@inference(model="coding", version="7")
def right(encounter: str) -> float:
    return float(encounter)


def declarations() -> None:
    inference(model="coding", version=7)  # wrong
    inference(modle="coding", version="7")  # wrong
    inference(model="coding", version="7", segments=["payer"])  # wrong
    task(3)  # wrong


def calls(receipt: Receipt) -> None:
    right(1)  # wrong
    right("1", 2)  # wrong
    answer: str = right("1")  # wrong
    record_review(receipt)  # wrong
    record_outcome(receipt, result=OutcomeResult.RIGHT)  # wrong
    record_outcome(3, result=OutcomeResult.CORRECT)  # wrong
    current_inference().set_confidance(0.5)  # wrong
    receipt.model = answer  # wrong
