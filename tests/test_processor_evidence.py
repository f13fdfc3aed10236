"""The page that says which test shows which promise of the processor names tests that are there, in every row."""

from __future__ import annotations

import pytest

from tests.test_evidence import ROOT, TEST, missing

PAGE = (ROOT / "docs" / "processor-evidence.md").read_text(encoding="utf-8")
SECTIONS = {"Acknowledging": 13, "Determinism": 5, "Durability": 5, "Hostile senders": 5, "Operating": 6}
"""Sections of the page, and how many rows each holds at least."""


@pytest.mark.parametrize("section", SECTIONS)
def test_every_row_is_complete_and_names_a_test(section: str):
    body = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in body.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= SECTIONS[section]
    for row in rows:
        assert len(row) == 3, row[0]
        assert all(cell.strip() for cell in row), row[0]
        assert TEST.findall(row[2]), row[0]


def test_every_test_that_the_page_names_is_there():
    assert missing(PAGE) == []
