"""A small hospital with a declared truth: two payers, two departments, 40 encounters a day."""

import csv
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from otel_clinical.backtest import mapped_policy, read_mapping
from otel_clinical.policy import load_policy

POLICY = """\
schema: otel-clinical/policy/v1
fleet: {name: small, runbooks: "https://runbooks.example.org", dashboards: "https://grafana.example.org/d"}
drift: {slot: 6h, lateness: 0s, window: 10d, retention: 90d}
models:
  coding:
    use_case: revenue_cycle
    owner: team
    versions: ["7", "8"]
    labels: {maturity: 2d, per_day: 40}
    segments:
      department: [cardiology, surgery]
      payer: [medicaid, medicare]
    standardise_by: department
    baseline: {file: baseline.json}
    tiers:
      engineering_review: {drop: 5%, guard: 1%, minimum_labels: 100, false_alarms: 1 per 3mo}
      governance_review: {drop: 10%, guard: 2.5%, minimum_labels: 80, false_alarms: 1 per 1y}
      rollback: {drop: 15%, guard: 5%, minimum_labels: 60, false_alarms: 1 per 5y}
    rollback: {target: {kind: file, path: pointer.json}}
"""
MAPPING = """\
schema: otel-clinical/mapping/v1
model: coding
version: "7"
id: encounter
missing: ["?", ""]
time: {column: time, format: unix}
outcome:
  truth: {column: truth, positive: ["1"], negative: ["0"]}
  prediction: {probability: p, threshold: 0.5}
  source: coding_audit
quality: {complete: [payer, department]}
segments:
  payer: {column: payer}
  department: {column: department}
baseline: {from_row: 1, to_row: 1200}
"""
COLUMNS = ("encounter", "time", "truth", "p", "payer", "department")
ACCURACY = {"cardiology": 0.92, "surgery": 0.85}
START = 1_700_000_000.0


def encounters(n=2400, seed=5):
    """Return rows whose answers are right at the declared rate of their department."""
    draw = random.Random(seed)
    rows = []
    for i in range(n):
        department = draw.choice(list(ACCURACY))
        truth = draw.random() < 0.5
        right = draw.random() < ACCURACY[department]
        sure = draw.uniform(0.7, 0.99)
        p = sure if truth == right else 1 - sure
        rows.append(
            {
                "encounter": f"MRN-{10_000_000 + i}",
                "time": f"{START + i * 2160:.1f}",
                "truth": str(int(truth)),
                "p": f"{p:.4f}",
                "payer": draw.choice(["medicaid", "medicare"]),
                "department": department,
            }
        )
    return rows


@dataclass
class World:
    """A folder with a policy, a mapping and whatever history a test writes."""

    folder: Path

    @property
    def mapping_file(self):
        return self.folder / "mapping.yaml"

    @property
    def policy_file(self):
        return self.folder / "policy.yaml"

    def documents(self):
        mapping = read_mapping(self.mapping_file)
        policy = mapped_policy(load_policy(self.policy_file, baselines=False), mapping)
        return mapping, policy, policy.models[mapping.model]

    def change_mapping(self, old, new):
        text = self.mapping_file.read_text(encoding="utf-8")
        assert old in text
        self.mapping_file.write_text(text.replace(old, new), encoding="utf-8")

    def csv(self, rows, name="history.csv", columns=COLUMNS):
        path = self.folder / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
        return path

    def text(self, text, name="history.csv"):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    made.policy_file.write_text(POLICY, encoding="utf-8")
    made.mapping_file.write_text(MAPPING, encoding="utf-8")
    return made


@pytest.fixture(scope="session")
def rows():
    return encounters()
