"""Every hazard names a control and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "hazards.md"
COLUMNS = 7
# What the hazard analysis of an automatic rollback must speak of.
ASKED = (
    "false rollback",
    "missed rollback",
    "wrong version",
    "split fleet",
    "blind controller",
    "futile rollback",
    "alert fatigue",
)


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if re.match(r"\| H\d+ \|", line)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_hazard_that_is_asked_for_is_in_the_table() -> None:
    named = " ".join(row[1].lower() for row in rows())
    assert [hazard for hazard in ASKED if hazard not in named] == []


def test_every_row_is_complete_and_its_tests_exist() -> None:
    for row in rows():
        assert len(row) == COLUMNS, row
        assert all(row), row
        tests = re.findall(r"`(tests/[\w/]+\.py)`", row[-1])
        assert tests, row
        assert [test for test in tests if not (ROOT / test).is_file()] == []


def test_the_page_claims_support_and_no_compliance() -> None:
    text = PAGE.read_text().lower()
    assert "supports" in text
    assert "compliant" not in text
