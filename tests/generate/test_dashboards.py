"""The on-call dashboard is well-formed, readable without colours, and asks only for what exists."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import promql_parser
import pytest
import yaml

from otel_clinical.generate import dashboards, rules
from otel_clinical.generate._dashboard_model import Colour, Panel, Query, laid_out

ROOT = Path(__file__).parents[2]
TYPES = {"bargauge", "timeseries", "stat", "table", "state-timeline"}
UNITS = {"percentunit", "reqps", "s", "none", "short", "dateTimeFromNow"}


@pytest.fixture(scope="module")
def dashboard(policy):
    return json.loads(dashboards.render(policy)[dashboards.ONCALL])


@pytest.fixture(scope="module")
def panels(dashboard):
    return dashboard["panels"]


def test_it_is_classic_json_that_file_provisioning_reads(dashboard):
    assert dashboard["uid"] == "clinical-ai-oncall"
    assert dashboard["schemaVersion"] == 39
    assert dashboard["editable"] is False
    assert "apiVersion" not in dashboard
    assert "id" not in dashboard


def test_panels_have_numbers_of_their_own_and_do_not_overlap(panels):
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


def test_rows_fill_the_width(panels):
    rows = {}
    for panel in panels:
        rows.setdefault(panel["gridPos"]["y"], []).append(panel["gridPos"])
    for row in rows.values():
        assert sum(place["w"] for place in row) == 24
        assert len({place["h"] for place in row}) == 1


def test_a_row_that_is_too_wide_is_refused():
    wide = Panel("stat", "t", "a", "b", (Query("1"),), unit="none", width=13, height=2)
    with pytest.raises(ValueError, match="26 columns wide"):
        laid_out(((wide, wide),))


def test_every_panel_says_what_it_means_and_what_to_do(panels):
    for panel in panels:
        about, _, action = panel["description"].partition(" → ")
        assert panel["title"]
        assert about.endswith((".", ";")), panel["title"]
        assert action.endswith("."), panel["title"]
        assert panel["type"] in TYPES
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS


def test_colours_are_of_one_palette_that_everybody_can_tell_apart(dashboard):
    found = set(re.findall(r"#[0-9A-Fa-f]{6}", json.dumps(dashboard)))
    assert found
    assert found <= {colour.value for colour in Colour}


def test_a_colour_never_stands_without_a_word(panels):
    """Where thresholds or mappings colour a value, a mapping or a name says it as well."""
    for panel in panels:
        if panel["type"] in {"stat", "state-timeline"}:
            options = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
            assert all(option["text"].strip() for option in options.values()), panel["title"]


def test_every_query_goes_to_the_chosen_datasource(panels):
    for panel in panels:
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGH"[: len(panel["targets"])])
        for target in panel["targets"]:
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert target["instant"] is not target["range"]


def test_variables_are_declared_and_used(dashboard):
    declared = {variable["name"] for variable in dashboard["templating"]["list"]}
    text = json.dumps(dashboard["panels"])
    used = set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval", "__range", "__auto"}
    assert used == declared == {"datasource", "model"}


def test_queries_come_with_variables_filled_in(dashboard):
    found = dashboards.queries(dashboard, model="coding", window="30s")
    assert len(found) > 20
    assert all("$" not in expr for _, expr in found)
    assert any('"coding"' in expr or '~"coding"' in expr for _, expr in found)
    assert any("[30s]" in expr for _, expr in found)
    assert {title for title, _ in found} == {panel["title"] for panel in dashboard["panels"]}


def asked(dashboard):
    """Return every expression: of panels, annotations, and the list of models."""
    marks = [mark["expr"].replace("$model", ".*") for mark in dashboard["annotations"]["list"]]
    listed = re.search(r"label_values\((.+), \w+\)", dashboard["templating"]["list"][1]["definition"])[1]
    return [expr for _, expr in dashboards.queries(dashboard)] + marks + [listed]


def test_every_query_parses_and_asks_for_what_exists(dashboard, labels_of):
    for expr in asked(dashboard):
        promql_parser.parse(expr)
        labels_of(expr)


def test_legends_name_labels_that_the_result_has(dashboard, labels_of):
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            (expr,) = [e for _, e in dashboards.queries({"panels": [{"title": "", "targets": [target]}]})]
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert named <= labels_of(expr), panel["title"]


def test_every_query_is_valid_on_the_floor(dashboard, promtool, written):
    wrapped = [{"record": f"query{number}", "expr": expr} for number, expr in enumerate(asked(dashboard))]
    (path,) = written({"queries.yaml": yaml.safe_dump({"groups": [{"name": "queries", "rules": wrapped}]})})
    code, output = promtool("check", "rules", path)
    assert code == 0, output


def test_with_all_well_the_top_row_still_answers(policy, dashboard, promtool, written):
    """Nothing fires and no controller runs: every number of the first row is there, and it is 0."""
    top = [panel["title"] for panel in dashboard["panels"] if panel["gridPos"]["y"] == 0]
    expressions = [expr for title, expr in dashboards.queries(dashboard) if title in top]
    tests = {
        "rule_files": ["../clinical-ai-monitor.yaml"],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [],
                "promql_expr_test": [
                    {"expr": f"max({expr})", "eval_time": "1m", "exp_samples": [{"labels": "{}", "value": 0}]}
                    for expr in expressions
                ],
            }
        ],
    }
    # Of the alerts that fire without any data only the list of models is wanted here.
    (monitor,) = (text for path, text in rules.render(policy).items() if "monitor" in path)
    groups = [g for g in yaml.safe_load(monitor)["groups"] if g["name"] == "clinical-ai-expected"]
    *_, path = written(
        {rules.MONITOR: yaml.safe_dump({"groups": groups}), "alert_rules/tests/top.yaml": yaml.safe_dump(tests)}
    )
    code, output = promtool("test", "rules", path)
    assert code == 0, output


def test_the_committed_dashboard_is_that_of_the_reference_policy(policy):
    for path, content in dashboards.render(policy).items():
        assert (ROOT / path).read_text() == content, f"{path}: run otel-clinical generate dashboards"
