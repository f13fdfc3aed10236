"""The page that says which test shows which promise names tests that are there, and a control for each."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "instrumentation-evidence.md"
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
PROMISES = {
    "Behaviour of decorated functions": 20,
    "Public surface": 5,
    "Overrides": 4,
    "Lifecycle of processes": 9,
    "Receipts": 5,
    "Patient data": 12,
    "Set-up": 6,
    "A user's own tests": 4,
    "Cost": 4,
}
"""Sections of the page, and how many promises each holds at least."""


@cache
def named_in(path: str) -> frozenset[str]:
    """Return the names of the tests in a file, read and not run."""
    file = ROOT / "tests" / path
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if file.exists() else ()
    return frozenset(
        node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def missing(text: str) -> list[str]:
    """Return the tests that a text names and the tree does not hold."""
    return [f"{path}::{name}" for path, name in TEST.findall(text) if name not in named_in(path)]


def rows(page: str) -> dict[str, list[list[str]]]:
    """Return the cells of each promise by section."""
    found: dict[str, list[list[str]]] = {}
    for section in page.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        lines = [line.strip("|").split(" | ") for line in body.splitlines() if line.startswith("| ")]
        found[title] = [cells for cells in lines if cells[0].strip() != "promise"]
    return found


def test_every_test_that_the_page_names_is_there():
    assert missing(PAGE.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", ["test_of_nothing", "named_in"])
def test_a_test_that_is_not_there_is_noticed(name):
    """Negative control."""
    assert missing(f"`test_evidence.py::{name}`, `test_evidence.py::test_every_test_that_the_page_names_is_there`")
    assert missing("`no/such_file.py::test_x`")


@pytest.mark.parametrize("section", PROMISES)
def test_every_promise_has_a_test_and_another_that_shows_it_could_fail(section):
    promises = rows(PAGE.read_text(encoding="utf-8"))[section]
    assert len(promises) >= PROMISES[section]
    for promise in promises:
        assert len(promise) == 3, promise[0]
        shown, control = (set(TEST.findall(cell)) for cell in promise[1:])
        assert shown, f"{promise[0]}: no test"
        assert control - shown, f"{promise[0]}: no control of its own"


def test_the_page_has_no_section_that_nobody_checks():
    assert set(rows(PAGE.read_text(encoding="utf-8"))) == set(PROMISES)
