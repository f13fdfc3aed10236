"""A changed baseline needs two people, whoever holds the keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from otel_clinical.policy import BaselineError
from otel_clinical.policy._baseline_approval import (
    BaselineDecision,
    check_change,
    decide,
    decisions_file,
    read_decisions,
)

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def _decision(action: Literal["propose", "approve"], person: str, new: str = NEW) -> BaselineDecision:
    return BaselineDecision(action, "coding", OLD, new, person, "new coders since May", 1.0)


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return tmp_path / "baseline.json"


def test_two_people_may_change_it(baseline: Path) -> None:
    decide(decisions_file(baseline), _decision("propose", "A. Meyer"))
    with pytest.raises(BaselineError, match="two people have not agreed"):
        check_change(baseline, "coding", OLD, NEW)
    decide(decisions_file(baseline), _decision("approve", "B. Novak"))
    check_change(baseline, "coding", OLD, NEW)
    assert [one.person for one in read_decisions(decisions_file(baseline))] == ["A. Meyer", "B. Novak"]


@pytest.mark.parametrize("same", ["A. Meyer", "a.  meyer ", "\uff21. Meyer"])
def test_one_person_may_not_however_they_write_their_name(baseline: Path, same: str) -> None:
    decide(decisions_file(baseline), _decision("propose", "A. Meyer"))
    with pytest.raises(BaselineError, match="another person must approve"):
        decide(decisions_file(baseline), _decision("approve", same))


def test_an_approval_is_of_one_change_only(baseline: Path) -> None:
    decide(decisions_file(baseline), _decision("propose", "A. Meyer"))
    decide(decisions_file(baseline), _decision("approve", "B. Novak"))
    for model, old, new in (("coding", OLD, OLD), ("coding", NEW, OLD), ("triage", OLD, NEW)):
        with pytest.raises(BaselineError):
            check_change(baseline, model, old, new)
    with pytest.raises(BaselineError, match="nobody proposed"):
        decide(decisions_file(baseline), _decision("approve", "B. Novak", new="sha256:" + "c" * 64))


def test_nobody_is_no_person(baseline: Path) -> None:
    with pytest.raises(BaselineError, match="neither may be empty"):
        decide(decisions_file(baseline), _decision("propose", "  "))


@pytest.mark.parametrize("broken", ["edited", "cut"])
def test_an_edited_record_is_refused(baseline: Path, broken: str) -> None:
    file = decisions_file(baseline)
    decide(file, _decision("propose", "A. Meyer"))
    decide(file, _decision("approve", "B. Novak"))
    text = file.read_text()
    file.write_text(text.replace("A. Meyer", "C. Other") if broken == "edited" else text.splitlines()[1] + "\n")
    with pytest.raises(BaselineError, match="was changed after it was written"):
        check_change(baseline, "coding", OLD, NEW)
