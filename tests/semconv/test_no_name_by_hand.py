"""Outside the registry and what is generated from it, no module spells a telemetry name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "otel_clinical"
# A recording rule's name holds colons: it is a name of the rules, not of the telemetry.
NAME = re.compile(r"(?<![\w:])clinical_ai[._][a-z]")
EXEMPT = {ROOT / "generate" / "semconv.py", ROOT / "generate" / "_lint.py"}
MODULES = sorted(
    path for path in ROOT.rglob("*.py") if not path.is_relative_to(ROOT / "semconv") and path not in EXEMPT
)


def spelled(source: str) -> list[str]:
    """Return the string literals that hold a telemetry name, docstrings aside."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [node.value for node in texts if id(node) not in prose and NAME.search(node.value)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_spells_a_telemetry_name(path):
    assert spelled(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    ['x = "clinical_ai.model.name"', 'x = f"sum(clinical_ai_outcomes_total{y})"', 'f("a", k="clinical_ai_evidence")'],
)
def test_a_name_in_code_is_found(source):
    """Negative control."""
    assert spelled(source)


@pytest.mark.parametrize("source", ['"""Reads clinical_ai.model.name."""', 'x = "model:clinical_ai_drop:ratio"'])
def test_prose_and_recording_rules_are_no_telemetry_names(source):
    assert not spelled(source)
