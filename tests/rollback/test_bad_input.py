"""Whatever is posted, the answer is typed and counted, and nothing valid beside it is lost."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.rollback.alerts import MalformedNotificationError, parse_notification
from tests.rollback._controller import TOKEN, Controller, alert, notification, write_policy
from tests.rollback._prometheus import degraded
from tests.rollback._situations import terms as pure_terms

if TYPE_CHECKING:
    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus

LABELS = {
    "alertname": "ClinicalAIPerformanceDropRollback",
    "tier": "rollback",
    "clinical_ai_model_name": "coding",
    "clinical_ai_model_version": "8",
    "clinical_ai_segment_name": "all",
    "clinical_ai_segment_value": "all",
}
TERMS = {"coding": pure_terms()}
GOOD = alert(LABELS)


def lacking(label: str) -> dict[str, str]:
    return {name: value for name, value in LABELS.items() if name != label}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One controller for every request that must leave no trace; Prometheus is nowhere."""
    folder = tmp_path_factory.mktemp("controller")
    write_policy(folder)
    controller = Controller(folder, "http://127.0.0.1:9")
    controller.start()
    yield controller
    controller.process.stop()


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"\x00\xff\xfe garbage", {}, 400),
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"alerts": {}}', {}, 400),
        (b'{"alerts": [NaN]}', {}, 400),
        (b'{"alerts": [], "x": Infinity}', {}, 400),
        (b'{"alerts": ' + b"[" * 40 + b"]" * 40 + b"}", {}, 400),
        (b"[" * 100_000, {}, 400),
        (json.dumps({"alerts": [GOOD] * 2_001}).encode(), {}, 400),
        (b" " * ((1 << 20) + 1), {}, 413),
        (b" " * (16 << 20), {}, 413),
        (notification(GOOD), {"content-type": "application/x-protobuf"}, 415),
        (notification(GOOD), {"content-type": "text/plain"}, 415),
        (notification(GOOD), {"authorization": ""}, 401),
        (notification(GOOD), {"authorization": "Bearer wrong-token-of-the-tests"}, 401),
        (notification(GOOD), {"authorization": f"Basic {TOKEN}"}, 401),
        (notification(GOOD), {"authorization": f"Bearer {TOKEN}x"}, 401),
        (notification(), {"content-type": "application/json; charset=utf-8"}, 202),
    ],
)
def test_every_request_gets_a_typed_answer(shared: Controller, body: bytes, headers: dict[str, str], code: int) -> None:
    try:
        answer = shared.post(body, **headers)
    except httpx.WriteError:  # the server hangs up on a body it will not read
        assert code == 413
        return
    assert answer.status_code == code
    assert "error" in answer.json() or code == 202
    assert httpx.get(f"{shared.url}/healthz", trust_env=False).is_success


@pytest.mark.parametrize("path", ["/v1/incidents", "/v1/incidents/INC-1", "/v1/audit", "/v1/releases"])
def test_reading_needs_a_token_too(shared: Controller, path: str) -> None:
    assert httpx.get(f"{shared.url}{path}", trust_env=False).status_code == 401


@pytest.mark.parametrize(
    ("path", "code"),
    [("/v1/incidents/INC-none", 404), ("/v1/audit?after=x", 400), ("/v1/audit?after=-1", 400), ("/nowhere", 404)],
)
def test_reading_what_is_not_there_is_answered(shared: Controller, path: str, code: int) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert httpx.get(f"{shared.url}{path}", headers=headers, trust_env=False).status_code == code


def test_a_body_cut_off_is_no_crash(shared: Controller) -> None:
    host, port = shared.url.removeprefix("http://").split(":")
    head = f"POST /v1/alertmanager HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode())
    assert httpx.get(f"{shared.url}/healthz", trust_env=False).is_success


def test_requests_are_counted_by_answer(shared: Controller) -> None:
    def count(code: int) -> float:
        text = httpx.get(f"{shared.url}/metrics", trust_env=False).text
        line = next(
            x for x in text.splitlines() if x.startswith("clinical_ai_rollback_webhooks_total") and f'"{code}"' in x
        )
        return float(line.rsplit(" ", 1)[1])

    before = count(400)
    shared.post(b"{")
    assert count(400) == before + 1


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        "text",
        {},
        {**GOOD, "labels": None},
        {**GOOD, "labels": {**LABELS, "n": 3}},
        {**GOOD, "labels": lacking("clinical_ai_model_name")},
        {**GOOD, "labels": {**LABELS, "clinical_ai_model_name": "sepsis"}},
        {**GOOD, "labels": {**LABELS, "clinical_ai_model_version": "99"}},
        {**GOOD, "labels": lacking("clinical_ai_model_version")},
        {**GOOD, "labels": lacking("clinical_ai_segment_name")},
        {**GOOD, "labels": {**LABELS, "clinical_ai_segment_name": "payer", "clinical_ai_segment_value": "acme"}},
        {**GOOD, "labels": {**LABELS, "clinical_ai_segment_name": "payer", "clinical_ai_segment_value": "_OTHER"}},
        {**GOOD, "labels": {**LABELS, "alertname": "\ud800"}},
        {**GOOD, "labels": lacking("alertname")},
        {**GOOD, "status": "perhaps"},
        {**GOOD, "status": []},
        {**GOOD, "startsAt": "yesterday"},
        {**GOOD, "startsAt": None},
        {**GOOD, "startsAt": "2026-01-01T00:00:00"},
        {**GOOD, "startsAt": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_a_bad_alert_is_refused_and_the_good_one_beside_it_is_kept(bad: object) -> None:
    found = parse_notification(json.dumps({"alerts": [bad, GOOD]}).encode(), TERMS)
    assert len(found.alerts) == 1
    assert [refused.index for refused in found.refused] == [0]


def test_alerts_for_other_people_are_ignored_not_refused() -> None:
    other = alert({**LABELS, "tier": "engineering"})
    found = parse_notification(json.dumps({"alerts": [other, GOOD]}).encode(), TERMS)
    assert (len(found.alerts), found.ignored, found.refused) == (1, 1, ())


def test_unknown_keys_and_nanoseconds_are_accepted() -> None:
    newer = {**GOOD, "routeLabels": {"a": 1}, "startsAt": "2026-09-21T14:11:40.123456789Z"}
    found = parse_notification(notification(newer, notification_reason="firing"), TERMS)
    assert found.alerts[0].starts_at == pytest.approx(1_789_999_900.123456)


def test_alert_text_never_chooses_target_or_version(
    controller: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    evil = {"target": "/etc/passwd", "to_version": "1", "previous_version": "99", "route": "standard"}
    prometheus.drop("ALERTS")
    prometheus.put("ALERTS", 1, alertstate="firing", **labels, **evil)
    assert controller.post(notification(alert({**labels, **evil}))).status_code == 202
    controller.wait_state("converging", "verifying")
    assert controller.pointer().version == "7"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20) | st.sampled_from(sorted(LABELS.values())),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*GOOD, *LABELS, "alerts"]), inner, max_size=6)
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400) | JSON.map(lambda value: json.dumps({"alerts": value}).encode()))
def test_no_body_raises_anything_but_its_own_error(body: bytes) -> None:
    try:
        found = parse_notification(body, TERMS)
    except MalformedNotificationError:
        return
    assert all(seen.model == "coding" for seen in found.alerts)


@pytest.mark.parametrize("body", [b'"' * 500_000, b'{"a":"' + b'\\"' * 500_000, b"\\" * 1_000_000])
def test_hostile_strings_are_read_in_linear_time(body: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(MalformedNotificationError):
        parse_notification(body, TERMS)
    assert time.monotonic() - started < 5
