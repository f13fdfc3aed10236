"""What the tests of rules and dashboards share: the reference policy, a hurried one, promtool, and label inference."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import promql_parser
import pytest

from otel_clinical.generate import rules
from otel_clinical.generate._rules_model import Record
from otel_clinical.generate._rules_plumbing import FOREIGN
from otel_clinical.policy import load_policy
from otel_clinical.semconv import metrics, prometheus_label
from otel_clinical.simulate.stack import binary

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "policy.yaml"
SUFFIXES = ("_bucket", "_sum", "_count")

HURRIED = {
    "maturity: 30d": "maturity: 4s",
    "slot: 30s": "slot: 1s",
    "lateness: 2m": "lateness: 1s",
    "window: 1d        #": "window: 15s       #",
    "retention: 90d": "retention: 1h",
    "drift_hold: 1h": "drift_hold: 20s",
    "keep_firing: 15m": "keep_firing: 5s",
    "      window: 1h": "      window: 15s",
    "minimum_reviews: 100, window: 1d": "minimum_reviews: 100, window: 15s",
    "minimum_accepted: 100, window: 1d": "minimum_accepted: 100, window: 15s",
    "resolved_after: 1d": "resolved_after: 4s",
    "inferences: 15m, outcomes: 1d": "inferences: 15s, outcomes: 20s",
}
"""Time compressed from days to seconds, as the demonstration does."""


@pytest.fixture(scope="session")
def policy():
    return load_policy(EXAMPLE)


@pytest.fixture(scope="session")
def hurried(tmp_path_factory):
    """Return the reference policy with windows of seconds, and a second model whose drops are in points."""
    text = EXAMPLE.read_text()
    for slow, fast in HURRIED.items():
        assert slow in text, slow
        text = text.replace(slow, fast)
    head, coding = text.split("  coding:\n")
    triage = coding.replace("drop: relative", "drop: points").replace("standardise_by: department", "")
    triage = triage.replace("coding.json", "triage.json").replace("file: baseline.json", "file: triage-baseline.json")
    folder = tmp_path_factory.mktemp("hurried")
    baseline = json.loads((EXAMPLE.parent / "baseline.json").read_text())
    (folder / "baseline.json").write_text(json.dumps(baseline))
    margins = {}
    for cell in baseline["cells"]:
        n, total = margins.get((cell["segment"], cell["value"]), (0, 0.0))
        margins[cell["segment"], cell["value"]] = (n + cell["n"], total + cell["sum"])
    flat = [
        {"segment": segment, "value": value, "stratum": "all", "n": n, "sum": round(total, 6)}
        for (segment, value), (n, total) in margins.items()
    ]
    (folder / "triage-baseline.json").write_text(json.dumps({**baseline, "model": "triage", "cells": flat}))
    path = folder / "policy.yaml"
    path.write_text(f"{head}  coding:\n{coding}\n  triage:\n{triage}")
    return load_policy(path)


@pytest.fixture(scope="session")
def promtool():
    """Return a function that runs promtool and gives back its exit code and everything it printed."""
    program = binary("promtool")

    def run(*arguments):
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def written(tmp_path):
    """Return a function that writes rendered files below a fresh folder."""

    def write(*renderings):
        paths = []
        for files in renderings:
            for relative, content in files.items():
                path = tmp_path / relative
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
                paths.append(path)
        return paths

    return write


@pytest.fixture(scope="session")
def labels_of(policy):
    """Return a function that says which labels the result of an expression has, and refuses what cannot be.

    It knows every metric of the registry with its labels, what other programs expose, and what the rules record.
    """
    known = {}
    for metric in metrics.ALL:
        labels = {prometheus_label(key) for key in metric.attributes}
        if metric.buckets is None:
            known[metric.prometheus] = labels
        else:
            known |= {metric.prometheus + suffix: labels | {"le"} for suffix in SUFFIXES}
    known |= {family: set(labels) for family, labels in FOREIGN.items()}
    records = [r for groups in rules.build(policy).values() for g in groups for r in g.rules if isinstance(r, Record)]
    for record in records:
        found = _labels(promql_parser.parse(record.expr), known) | set(record.labels)
        assert known.setdefault(record.name, found) == found, f"{record.name} is recorded with different labels"
    known["ALERTS"] = {"alertname", "alertstate", "severity", "category", "team", "tier", "action", "source"}
    known["ALERTS"] |= {prometheus_label(key) for metric in metrics.ALL for key in metric.attributes}
    return lambda expr: _labels(promql_parser.parse(expr), known)


def _labels(node, known):
    by_kind = {
        promql_parser.VectorSelector: _selector,
        promql_parser.MatrixSelector: lambda found, known: _selector(found.vector_selector, known),
        promql_parser.AggregateExpr: _aggregation,
        promql_parser.BinaryExpr: _operation,
        promql_parser.Call: _call,
        promql_parser.ParenExpr: _inner,
        promql_parser.UnaryExpr: _inner,
        promql_parser.SubqueryExpr: _inner,
        promql_parser.NumberLiteral: lambda _found, _known: set(),
    }
    return by_kind[type(node)](node, known)


def _inner(node, known):
    return _labels(node.expr, known)


def _selector(node, known):
    assert node.name in known, f"{node.name} is no metric of the registry, of another program, or recorded"
    for matcher in node.matchers.matchers:
        if matcher.name != "__name__":
            assert matcher.name in known[node.name], f"{node.name} has no label {matcher.name}"
    return known[node.name]


def _aggregation(node, known):
    inner = _labels(node.expr, known)
    if node.modifier is None:
        return inner if str(node.op) == "topk" else set()
    assert "By" in str(node.modifier.type), f"aggregate by name, not without: {node.prettify()}"
    assert set(node.modifier.labels) <= inner, f"{node.modifier.labels} of {sorted(inner)}"
    return set(node.modifier.labels)


def _operation(node, known):
    left, right = _labels(node.lhs, known), _labels(node.rhs, known)
    matching = node.modifier.matching if node.modifier else None
    if matching is not None:
        assert set(matching.labels) <= left & right, f"on {matching.labels} of {sorted(left)} and {sorted(right)}"
    if str(node.op) == "or":
        return left | right
    if str(node.op) in {"and", "unless"} or "ManyToOne" in str(node.modifier and node.modifier.card):
        return left
    return set(matching.labels) if matching is not None else left | right


def _call(node, known):
    inner = [_labels(argument, known) for argument in node.args]
    if node.func.name in {"absent", "scalar", "vector", "time"}:
        return set()
    return set().union(*inner)
