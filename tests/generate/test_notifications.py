"""The words of notifications, rendered by Alertmanager's own tool, and who is told of an incident."""

import json
import subprocess

import pytest

from otel_clinical.generate import alertmanager, notifications
from otel_clinical.rollback.calls import LINES
from otel_clinical.rollback.notify._alerts import CATEGORY
from otel_clinical.simulate.stack import binary

SUMMARY = "Performance of coding 8 dropped <b>by 25%</b>"
ALERT = {
    "status": "firing",
    "labels": {"alertname": "ClinicalAIIncident"},
    "annotations": {
        "summary": SUMMARY,
        "description": "What: it dropped\nSince: noon\nWhere: payer = medicaid\nIt will do: ask again",
        "action": "Look at the guards.",
        "ack_url": "https://ai.example/a/T.S",
        "incident_url": "https://ai.example/incidents/INC-1",
        "runbook_url": "https://run.example/x.md",
        "audit": "event 3, head abab",
    },
    "startsAt": "2026-01-01T00:00:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "1",
}
TEXTS = ("on_call.text", "on_call.slack.text", "on_call.teams.text", "on_call.email.html")


@pytest.fixture(scope="module")
def folder(policy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("notifications")
    for path, text in notifications.render(policy).items():
        (folder / path.removeprefix("alert_rules/")).write_text(text)
    return folder


def amtool(*arguments):
    command = [binary("amtool"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def rendered(folder, name, tmp_path, *alerts, status="firing"):
    data = {
        "receiver": "x",
        "status": status,
        "alerts": list(alerts),
        "groupLabels": {"incident": "INC-1"},
        "commonLabels": {},
        "commonAnnotations": {"summary": SUMMARY},
        "externalURL": "http://am",
    }
    (tmp_path / "data.json").write_text(json.dumps(data))
    done = amtool(
        "template", "render", f"--template.glob={folder / 'notifications.tmpl'}",
        f"--template.type={'html' if name.endswith('html') else 'text'}",
        f'--template.text={{{{ template "{name}" . }}}}', f"--template.data={tmp_path / 'data.json'}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", TEXTS)
def test_every_place_is_told_the_same_skeleton(folder, tmp_path, name):
    text = rendered(folder, name, tmp_path, ALERT)
    order = (
        "What: it dropped",
        "Since: noon",
        "It will do: ask again",
        "Look at the guards.",
        "https://ai.example/a/T.S",
    )
    places = [text.index(part) for part in (*order, "https://run.example/x.md", "event 3, head abab")]
    assert places == sorted(places)


@pytest.mark.parametrize("name", TEXTS)
def test_what_an_alert_of_the_rules_lacks_is_left_out(folder, tmp_path, name):
    lacking = {k: v for k, v in ALERT["annotations"].items() if k not in {"ack_url", "incident_url", "audit"}}
    text = rendered(folder, name, tmp_path, {**ALERT, "annotations": lacking})
    assert "https://run.example/x.md" in text
    for word in ("Acknowledge", "Incident", "Audit", "no value"):
        assert word not in text


@pytest.mark.parametrize("name", TEXTS)
def test_resolved_is_never_told_as_recovery(folder, tmp_path, name):
    text = rendered(folder, name, tmp_path, {**ALERT, "status": "resolved"}, status="resolved")
    assert "no proof of recovery" in text
    assert "https://ai.example/a/T.S" not in text


def test_a_title_fits_one_alert_many_and_none(folder, tmp_path):
    assert rendered(folder, "on_call.title", tmp_path, ALERT) == SUMMARY
    assert "and 2 alerts in all" in rendered(folder, "on_call.title", tmp_path, ALERT, ALERT)
    over = rendered(folder, "on_call.title", tmp_path, {**ALERT, "status": "resolved"}, status="resolved")
    assert over.startswith("Over: ")


def test_what_an_alert_says_cannot_become_markup_in_a_mail(folder, tmp_path):
    html = rendered(folder, "on_call.email.html", tmp_path, ALERT)
    assert "<b>by 25%" not in html
    assert "&lt;b&gt;by 25%" in html


def test_the_tree_with_chat_is_valid_and_names_only_templates_that_exist(folder):
    done = amtool("check-config", folder / "alertmanager-chat.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout
    defined = (folder / "notifications.tmpl").read_text()
    used = (folder / "alertmanager-chat.yaml").read_text()
    for name in {part.split('"')[1] for part in used.split("template ")[1:] if part.startswith('"')}:
        assert f'define "{name}"' in defined


@pytest.mark.parametrize(
    ("file", "escalation", "receiver"),
    [
        ("shipped", "first_line", "on-call"),
        ("shipped", "second_line", "clinical-governance"),
        ("shipped", "safety_officer", "safety-officer"),
        ("chat", "first_line", "on-call"),
        ("chat", "second_line", "second-line"),
        ("chat", "safety_officer", "safety-officer"),
    ],
)
def test_an_incident_goes_to_whoever_is_called_by_now_and_never_to_the_machine(
    folder, policy, tmp_path, *, file, escalation, receiver
):
    path = folder / "alertmanager-chat.yaml"
    if file == "shipped":
        path = tmp_path / "alertmanager.yaml"
        path.write_text(alertmanager.render(policy)[alertmanager.PATH])
    labels = (f"category={CATEGORY}", f"escalation={escalation}", "severity=critical", "clinical_ai_model_name=coding")
    done = amtool("config", "routes", "test", f"--config.file={path}", *labels)
    assert done.stdout.split() == [receiver]
    assert escalation in LINES
