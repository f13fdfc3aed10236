"""A history passes through instrumentation, OTLP and kernel, and the tiers say what is true of it."""

import json
import re

import pytest

from otel_clinical.backtest import (
    HistoryError,
    as_json,
    choose_baseline,
    freeze_baseline,
    parse_injection,
    read_history,
    run_backtest,
)
from otel_clinical.backtest._report import write_report
from otel_clinical.policy import BaselineError

FAULT = "payer=medicaid:drop=50%:from-row=1300"


def backtest(world, path, *faults):
    mapping, policy, model = world.documents()
    history = read_history(path, mapping, model)
    used = choose_baseline(history, mapping, model, model.baseline.file, required=False)
    return run_backtest(history, mapping, policy, used, injections=[parse_injection(fault) for fault in faults])


def test_a_history_without_fault_reaches_no_tier_3(world, rows):
    test = backtest(world, world.csv(rows))
    assert test.fires_of(3) == []
    assert test.replayed.events == {"inference": 2400, "outcome": 2400}
    assert not +test.replayed.rejections


def test_a_known_fault_reaches_tier_3_for_its_segment_only_and_its_delay_is_measured(world, rows):
    test = backtest(world, world.csv(rows), FAULT)
    assert {fire.segment for fire in test.fires_of(3) if fire.segment.startswith("payer=")} == {"payer=medicaid"}
    [fault] = test.faults
    assert fault.first_row >= 1300
    assert fault.others == ()
    delays = {delay.tier: delay for delay in fault.delays}
    assert set(delays) == {1, 2, 3}
    assert 60 <= delays[3].labels <= 400
    assert delays[3].days == pytest.approx(2 + delays[3].rows / 40, abs=1)
    [fire] = [fire for fire in test.fires_of(3) if fire.segment == "payer=medicaid"]
    assert abs(fire.change_row - 1300) < 100
    assert re.match(r"accuracy is \d+\.\d % below the baseline of 0\.\d+ over \d+ labels since row \d+ ", fire.reason)


def test_the_same_history_gives_the_same_json(world, rows):
    path = world.csv(rows[:1500])
    one, two = as_json(backtest(world, path, FAULT)), as_json(backtest(world, path, FAULT))
    assert json.dumps(one) == json.dumps(two)


def test_truth_that_comes_late_counts_when_it_comes(world, rows):
    world.change_mapping("  source: coding_audit", "  source: coding_audit\n  time: known")
    late = [{**row, "known": f"{float(row['time']) + 5 * 86400:.1f}"} for row in rows[:600]]
    world.change_mapping("to_row: 1200", "to_row: 600")
    test = backtest(world, world.csv(late, columns=(*late[0],)))
    assert test.replayed.events == {"inference": 600, "outcome": 600}
    first = test.timeline.effective["all"][0]
    assert first == pytest.approx(test.encounters[0].time + 5 * 86400)


def test_encounters_without_truth_are_inferences_only(world, rows):
    path = world.csv([{**row, "truth": "" if i % 2 else row["truth"]} for i, row in enumerate(rows[:600])])
    world.change_mapping("to_row: 1200", "to_row: 600")
    test = backtest(world, path)
    assert test.replayed.events == {"inference": 600, "outcome": 300}
    assert as_json(test)["inputs"]["without_outcome"] == 300


def test_a_second_version_is_judged_on_its_own(world, rows):
    world.change_mapping('version: "7"', "version_column: v")
    both = [{**row, "v": "7" if i < 300 else "8"} for i, row in enumerate(rows[:600])]
    world.change_mapping("to_row: 1200", "to_row: 600")
    test = backtest(world, world.csv(both, columns=(*both[0],)))
    labels = {row.version: row.labels for row in test.replayed.evidence if row.segment == "all"}
    assert labels == {"7": 300, "8": 300}


def test_the_baseline_of_the_policy_is_used_when_it_is_there(world, rows):
    mapping, _, model = world.documents()
    history = read_history(world.csv(rows), mapping, model)
    freeze_baseline(history.encounters, mapping, model).save(world.folder / "baseline.json")
    used = choose_baseline(history, mapping, model, model.baseline.file, required=False)
    assert (used.source, used.rows) == ("baseline.json", None)


def test_a_history_without_any_baseline_is_refused(world, rows):
    world.change_mapping("baseline: {from_row: 1, to_row: 1200}\n", "")
    mapping, _, model = world.documents()
    history = read_history(world.csv(rows[:50]), mapping, model)
    with pytest.raises(HistoryError, match=r"no baseline: .*baseline\.json does not exist"):
        choose_baseline(history, mapping, model, model.baseline.file, required=False)
    with pytest.raises(BaselineError, match="no such file"):
        choose_baseline(history, mapping, model, world.folder / "other.json", required=True)


def test_a_baseline_that_lacks_a_declared_value_is_refused(world, rows):
    one = [{**row, "payer": "medicaid"} for row in rows[:200]]
    mapping, _, model = world.documents()
    history = read_history(world.csv(one), mapping, model)
    with pytest.raises(HistoryError, match=r"segments.payer: the baseline holds no outcome of medicare"):
        choose_baseline(history, mapping, model, None, required=False)


def test_the_page_is_self_contained_complete_and_without_identifiers(world, rows):
    test = backtest(world, world.csv(rows[:1500]), FAULT)
    page, data = write_report(test, world.folder / "out" / "deep")
    html, content = page.read_text(encoding="utf-8"), json.loads(data.read_text(encoding="utf-8"))
    assert not re.search(r"<script|<link|src=|url\(|@import", html)
    assert "http" not in html.replace("http-equiv", "")
    for words in ("all", "payer=medicaid", "payer=medicare", "department=surgery"):
        assert f"<b>{words}</b>" in html
    courses = len(test.model.segments)
    assert html.count("<svg") == 2 * len(content["segments"]) + courses + 1
    assert f"Known fault: {FAULT.replace('50%', '50%')}" in html
    assert "MRN-" not in html
    assert "MRN-" not in json.dumps(content)
    assert str(world.folder) not in html + json.dumps(content)


def test_the_json_holds_what_is_promised(world, rows):
    content = as_json(backtest(world, world.csv(rows), FAULT))
    fire = next(fire for fire in content["fires"] if fire["tier"] == 3)
    assert {"tier", "segment", "row", "event_time", "reason"} <= set(fire)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", fire["event_time"])
    assert content["inputs"]["inject"] == [FAULT]
    assert content["baseline"]["rows"] == [1, 1200]
    assert {group["segment"] for group in content["calibration"]} >= {"all", "payer=medicaid"}


def test_words_from_the_files_cannot_become_markup(world, rows):
    world.change_mapping("id: encounter", "id: encounter\nrow: '<b>row'")
    both = [{**row, "<b>row": str(i + 1) if i else "x"} for i, row in enumerate(rows[:300])]
    world.change_mapping("to_row: 1200", "to_row: 300")
    test = backtest(world, world.csv(both, columns=(*both[0],)))
    page, _ = write_report(test, world.folder / "out")
    assert "column &lt;b&gt;row holds no row number" in page.read_text(encoding="utf-8")
