"""The page that says which test shows which fault is complete, names tests that are there, and is not too proud."""

from __future__ import annotations

import re

import pytest

from tests.test_evidence import ROOT, TEST, missing

PAGE = ROOT / "docs" / "rollback-evidence.md"
FAULTS = [f"T{number}" for number in range(1, 18)]
# What a file uses that starts the programs it tells of.
PROCESSES = re.compile(
    r"\b(?:\w*Controller|Stack|Pair|run_demo|Bench|soak|Popen)\(|def test_\w+\([^)]*\bcontroller\b", re.DOTALL
)


def rows(section: str, text: str | None = None) -> list[list[str]]:
    """Return the cells of each row of a section, without its head."""
    page = PAGE.read_text(encoding="utf-8") if text is None else text
    body = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in body.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def too_proud(section: list[list[str]]) -> list[str]:
    """Return the faults that say `real` and name no test with a real process."""
    found = []
    for fault, *_, shown, how in section:
        files = {path for path, _ in TEST.findall(shown)}
        if how.startswith("real") and not any(PROCESSES.search(_source(path)) for path in files):
            found.append(fault)
    return found


def _source(path: str) -> str:
    return (ROOT / "tests" / path).read_text(encoding="utf-8")


def test_every_fault_has_its_row_and_every_row_is_complete():
    faults = rows("Faults")
    assert [row[0] for row in faults] == FAULTS
    for row in faults:
        assert len(row) == 5, row[0]
        assert all(row), row[0]
        assert TEST.findall(row[3]), row[0]


@pytest.mark.parametrize("section", ["Alertmanager", "Promises"])
def test_every_other_row_names_a_test(section):
    found = rows(section)
    assert len(found) >= 3
    for row in found:
        assert len(row) == 3, row[0]
        assert TEST.findall(row[2]), row[0]


def test_every_test_that_the_page_names_is_there():
    assert missing(PAGE.read_text(encoding="utf-8")) == []


def test_what_is_said_to_be_real_is():
    assert too_proud(rows("Faults")) == []


def test_a_row_that_says_real_of_what_is_in_memory_is_noticed():
    """Negative control."""
    shown = "`rollback/test_guards.py::test_evidence_must_hold_at_both_looks`"
    assert too_proud([["T99", "a fault", "nothing", shown, "real"]]) == ["T99"]
    assert too_proud([["T99", "a fault", "nothing", shown, "in memory"]]) == []


def test_every_command_that_the_page_names_exists():
    commands = re.findall(r"`(scripts/\w+) (\w+)", PAGE.read_text(encoding="utf-8"))
    assert commands
    for script, name in commands:
        folder = {"scripts/bench": "benchmarks", "scripts/soak": "soak"}[script]
        assert (ROOT / script).is_file()
        assert (ROOT / folder / f"{name}.py").is_file()
