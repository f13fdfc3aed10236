"""`otel-clinical baseline freeze` makes a baseline from a history; `diff` says what a change of it does."""

import csv
import json
import random

import pytest

from otel_clinical.cli import main
from otel_clinical.cli.baseline import _against
from otel_clinical.policy import LabelReference, load_baseline, parse_policy

POLICY = """\
schema: otel-clinical/policy/v1
fleet: {name: small, runbooks: "https://runbooks.example.org", dashboards: "https://grafana.example.org/d"}
drift: {slot: 6h, lateness: 0s, window: 10d, retention: 90d}
models:
  coding:
    use_case: revenue_cycle
    owner: team
    versions: ["7"]
    labels: {maturity: 2d, per_day: 40}
    segments:
      payer: [medicaid, medicare]
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
time: {start: 2024-01-01, per_day: 40}
outcome: {score: score}
segments: {payer: {column: payer}}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    draw = random.Random(3)
    with (tmp_path / "history.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["payer", "score"])
        rows.writerows([draw.choice(["medicaid", "medicare"]), int(draw.random() < 0.9)] for _ in range(400))
    return tmp_path


@pytest.fixture
def run(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)

    def call(*words):
        with pytest.raises(SystemExit) as stopped:
            main(["baseline", *words])
        return stopped.value.code or 0, *capsys.readouterr()

    return call


def freeze(run, *words):
    return run("freeze", "history.csv", "--mapping", "mapping.yaml", "--policy", "policy.yaml", *words)


def test_a_baseline_counts_the_rows_asked_for_and_says_how_to_pin_it(run, folder):
    code, out, _ = freeze(run, "--from-row", "1", "--to-row", "300", "--out", "baseline.json")
    frozen = load_baseline(folder / "baseline.json")
    assert code == 0
    assert frozen.n() == 300
    assert frozen.n("payer", "medicaid") + frozen.n("payer", "medicare") == 300
    assert f'hash: "{frozen.hash}"' in out


def test_the_same_rows_give_the_same_bytes(run, folder):
    for name in ("one.json", "two.json"):
        assert freeze(run, "--from-row", "1", "--to-row", "300", "--out", name)[0] == 0
    assert (folder / "one.json").read_bytes() == (folder / "two.json").read_bytes()
    assert run("diff", "one.json", "two.json")[0] == 0


def test_a_baseline_is_not_replaced_by_accident(run, folder):
    (folder / "baseline.json").write_text("precious", encoding="utf-8")
    code, _, err = freeze(run, "--from-row", "1", "--to-row", "300", "--out", "baseline.json")
    assert (code, (folder / "baseline.json").read_text(encoding="utf-8")) == (2, "precious")
    assert "--replace" in err
    assert freeze(run, "--from-row", "1", "--to-row", "300", "--out", "baseline.json", "--replace")[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "which rows?"),
        (("--from-row", "9", "--to-row", "2"), "rows 9 to 2"),
        (("--from-row", "900", "--to-row", "999"), "hold no outcome"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(run, folder, words, said):
    code, _, err = freeze(run, *words, "--out", "baseline.json")
    assert code == 2
    assert said in err
    assert "Traceback" not in err
    assert not (folder / "baseline.json").exists()


def test_a_difference_is_named_per_segment_value(run):
    assert freeze(run, "--from-row", "1", "--to-row", "300", "--out", "old.json")[0] == 0
    assert freeze(run, "--from-row", "101", "--to-row", "400", "--out", "new.json")[0] == 0
    code, out, _ = run("diff", "old.json", "new.json")
    assert code == 1
    assert "payer=medicaid" in out
    assert "300 -> 300" in out


def test_a_history_with_the_time_of_the_outcome_tells_label_rate_and_delays(run, folder):
    mapping = MAPPING.replace("{start: 2024-01-01, per_day: 40}", "{column: at}")
    mapping = mapping.replace("{score: score}", "{score: score, time: known}")
    (folder / "mapping.yaml").write_text(mapping, encoding="utf-8")
    with (folder / "history.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["payer", "score", "at", "known"])
        for n in range(1, 31):
            late = n + (4 if n % 5 == 0 else 1)
            month, day = divmod(late - 1, 30)
            rows.writerow(["medicaid", 1, f"2024-04-{n:02}T00:00:00Z", f"2024-{4 + month:02}-{day + 1:02}T00:00:00Z"])
    code, _, err = freeze(run, "--from-row", "1", "--to-row", "30", "--out", "baseline.json")
    assert (code, "labels.maturity is 2d, and fewer than nine in ten outcomes had come by then" in err) == (0, True)
    labels = load_baseline(folder / "baseline.json").labels
    assert labels is not None
    assert labels.per_day == pytest.approx(30 / 29)
    assert (labels.within(0.5), labels.within(0.9)) == (86_400, 5 * 86_400)
    out = run("show", "baseline.json")[1]
    assert "outcomes: 1.0 a day; half of them within 1d, nine in ten within 5d" in out
    shown = json.loads(run("show", "baseline.json", "--json")[1])["labels"]
    # Six took four days: a small cell. With the number of all of them known, the other would tell it.
    assert (set(shown["counts"]), shown["counts"].count(None)) == ({0, None}, 2)


@pytest.mark.parametrize(
    ("maturity", "per_day", "counts", "said"),
    [
        ("2d", 40, (80, 20), []),
        ("1d", 40, (80, 20), ["labels.maturity is 1d, and fewer than nine in ten outcomes had come by then"]),
        ("2d", 5, (80, 20), ["labels.per_day is 5, and 10 outcomes came a day"]),
        ("1h", 5, (5, 5), []),  # too few to say so
    ],
)
def test_labels_that_came_otherwise_than_the_policy_says_are_told(maturity, per_day, counts, said):
    text = POLICY.replace("{maturity: 2d, per_day: 40}", f"{{maturity: {maturity}, per_day: {per_day}}}")
    declared = parse_policy(text, baselines=False).models["coding"].labels
    found = list(_against(LabelReference(10.0, (0, 86_400, 172_800), (*counts, 0)), declared))
    assert len(found) == len(said)
    assert all(one.startswith(beginning) for one, beginning in zip(found, said, strict=True))
    assert list(_against(None, declared)) == []
