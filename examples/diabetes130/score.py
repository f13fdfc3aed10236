"""Train a small readmission model on the first 10,000 encounters and score the rest.

The data are real inpatient encounters: "Diabetes 130-US hospitals for years 1999-2008", UCI Machine Learning
Repository (CC BY 4.0; Clore, Cios, DeShazo, Strack 2014; doi 10.24432/C5230J), in the order of their encounter
number, which follows time. They are not part of this repository.

    python examples/diabetes130/score.py diabetes130-first40k.csv.gz --out scored

writes `scored/scored.csv.gz`: one line per encounter from row 10,001 on, with the probability that the patient comes
back, and `scored/baseline.json`: the performance on the rows that mapping.yaml names.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from otel_clinical.backtest import freeze_baseline, read_history, read_mapping
from otel_clinical.policy import load_policy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HERE = Path(__file__).resolve().parent
FILE = "diabetes130-first40k.csv.gz"
TRAINING_ROWS = 10_000
RIDGE = 1.0
STEPS = 25

COUNTS = (
    "time_in_hospital",
    "num_lab_procedures",
    "num_procedures",
    "num_medications",
    "number_outpatient",
    "number_emergency",
    "number_inpatient",
    "number_diagnoses",
)
ONE_OF = {
    "admission_type_id": ("1", "2", "3"),
    "admission_source_id": ("1", "4", "7"),
    "insulin": ("Up", "Down", "Steady"),
    "change": ("Ch",),
    "diabetesMed": ("Yes",),
    "gender": ("Female",),
}
DIED_OR_HOSPICE = frozenset({"11", "13", "14", "19", "20", "21"})
TO_A_FACILITY = frozenset({"3", "6", "22"})
KEPT = (
    *("encounter_id", "payer_code", "age", "medical_specialty", "race", "weight", "diag_1", "readmitted"),
    *("num_medications", "number_diagnoses"),
)


def features(row: dict[str, str]) -> list[float]:
    """Return what is known about an encounter when the patient leaves."""
    values = [float(np.log1p(float(row[name]))) for name in COUNTS]
    values += [float(row[name] == word) for name, words in ONE_OF.items() for word in words]
    values.append(int(row["age"].strip("[)").split("-")[0]) / 100)
    values.append(float(row["discharge_disposition_id"] in DIED_OR_HOSPICE))
    values.append(float(row["discharge_disposition_id"] in TO_A_FACILITY))
    values.append(float(row["A1Cresult"] != "None"))
    return values


def train(x: Floats, y: Floats) -> Floats:
    """Fit a ridge logistic regression by Newton's method; the first column of `x` is 1."""
    weights = np.zeros(x.shape[1])
    penalty = np.full(x.shape[1], RIDGE)
    penalty[0] = 0.0
    for _ in range(STEPS):
        p = predict(x, weights)
        gradient = x.T @ (p - y) + penalty * weights
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty + 1e-9)
        weights -= np.linalg.solve(curvature, gradient)
    return weights


def predict(x: Floats, weights: Floats) -> Floats:
    """Return the probability of readmission per row of `x`."""
    return 1.0 / (1.0 + np.exp(-(x @ weights)))


def score(rows: list[dict[str, str]]) -> Floats:
    """Return a probability per row, from a model that saw the first rows only."""
    raw = np.array([features(row) for row in rows])
    mean, spread = raw[:TRAINING_ROWS].mean(axis=0), raw[:TRAINING_ROWS].std(axis=0) + 1e-9
    x = np.column_stack([np.ones(len(raw)), (raw - mean) / spread])
    y = np.array([float(row["readmitted"] != "NO") for row in rows[:TRAINING_ROWS]])
    return predict(x, train(x[:TRAINING_ROWS], y))


def write(rows: list[dict[str, str]], probabilities: Iterable[float], path: Path) -> None:
    """Write the scored rows after the training rows; `row` keeps their number in the original file."""
    # mtime 0 keeps the archive identical from run to run.
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
        lines = [",".join(("row", *KEPT, "probability"))]
        for number, (row, probability) in enumerate(zip(rows, probabilities, strict=True), start=1):
            if number > TRAINING_ROWS:
                lines.append(",".join((str(number), *(row[name] for name in KEPT), f"{probability:.6f}")))
        packed.write(("\n".join(lines) + "\n").encode())


def main() -> int:
    """Score the file and freeze the baseline."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("OTEL_CLINICAL_DATA", ".")) / FILE
    options.add_argument("data", nargs="?", type=Path, default=default, help=f"{FILE}; by default {default}")
    options.add_argument("--out", type=Path, default=Path("scored"), help="folder to write into")
    given = options.parse_args()
    if not given.data.is_file():
        print(f"no file {given.data}: name it, or set OTEL_CLINICAL_DATA to its folder", file=sys.stderr)
        return 2
    with gzip.open(given.data, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    given.out.mkdir(parents=True, exist_ok=True)
    scored = given.out / "scored.csv.gz"
    write(rows, score(rows), scored)

    mapping = read_mapping(HERE / "mapping.yaml")
    model = load_policy(HERE / "policy.yaml", baselines=False).models[mapping.model]
    history = read_history(scored, mapping, model)
    baseline = freeze_baseline(history.encounters, mapping, model)
    baseline.save(given.out / "baseline.json")
    print(f"{scored}: {len(rows) - TRAINING_ROWS} encounters")
    print(f"{given.out / 'baseline.json'}: {baseline.n()} outcomes, {baseline.metric} {baseline.ratio():.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
