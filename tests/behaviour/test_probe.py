"""The probe that compares decorator libraries: ours passes all of it, a careless decorator does not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.__main__ import PEERS, REQUIREMENTS, version
from benchmarks.peers._adapters import ADAPTERS
from benchmarks.peers._careless import CARELESS
from benchmarks.peers._checks import CHECKS
from benchmarks.peers._probe import behaviour, cost
from benchmarks.peers._table import BEGIN, END, replaced, table

ROOT = Path(__file__).parents[2]
MISSED = {
    "coroutine / generator / async generator keep their kind",
    "name, signature and annotations of the function stay",
    "span is current inside each step, and not in the caller between them",
    "generator that is made and never iterated: no span, no context left",
    "generator that is left early: its span ends then, and not before",
    "result whose `str`, `repr`, `bool`, `len`, `iter`, `==`, `hash` raise: not touched",
    "the same for an argument",
    "the exception's text stays in the process",
    "arguments stay in the process",
    "result stays in the process",
    "decorator above / below `@classmethod`",
    "`functools.partial` / callable object",
    "decorated twice by mistake: spans of one call",
}


def test_ours_passes_every_row():
    found = behaviour(ADAPTERS["ours"]())
    assert {row: seen.text for row, seen in found.items() if not seen.good} == {}
    assert set(found) == set(CHECKS)


def test_a_careless_decorator_fails_the_rows_it_should():
    found = behaviour(ADAPTERS["naive"]())
    assert {row for row, seen in found.items() if not seen.good} == MISSED


def test_every_row_is_failed_by_some_careless_decorator():
    """A row that nothing fails would prove nothing."""
    failed = {row for make in CARELESS.values() for row, seen in behaviour(make()).items() if not seen.good}
    assert failed == set(CHECKS)


def test_the_cost_is_a_ratio_to_a_raw_span():
    assert 0 < cost(ADAPTERS["naive"](), calls=5, rounds=1) < float("inf")


def test_the_published_table_has_every_row_and_every_library():
    document = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    section = document.partition(BEGIN)[2].partition(END)[0]
    for row in CHECKS:
        assert f"| {row} |" in section, "run python -m benchmarks.peers"
    assert f"{len(CHECKS)} of {len(CHECKS)}" in section
    for name in PEERS:
        assert f" {version(name)} |" in section, "run python -m benchmarks.peers"


@pytest.mark.parametrize("name", sorted(PEERS))
def test_every_requirement_of_a_peer_is_pinned(name):
    lines = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)]


def test_a_document_without_markers_is_refused():
    assert replaced(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\nnew\n{END}\nb"
    with pytest.raises(ValueError, match="put them where the table belongs"):
        replaced("no markers", "new")


def test_the_table_counts_what_is_as_expected():
    row = {"good": {"text": "yes", "good": True}, "bad": {"text": "**no**", "good": False}}
    one = {"name": "one", "version": "1", "behaviour": row, "cost": 2.04, "cost_without_sdk": 0.5}
    lines = table([one]).splitlines()
    assert lines[0] == "| behaviour | one 1 |"
    assert lines[3] == "| bad | **no** |"
    assert lines[-1] == "| behaviours as expected | 1 of 2 |"
    assert lines[-2].endswith("| 0.5x |")


def test_the_probe_needs_no_more_than_an_sdk_so_that_it_runs_beside_any_library():
    code = (
        "import sys; sys.modules['otel_clinical'] = None\n"
        "import benchmarks.peers._probe as probe\n"
        "found = probe.behaviour(probe.ADAPTERS['naive']())\n"
        "sys.exit(0 if len(found) == len(probe.CHECKS) else 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
