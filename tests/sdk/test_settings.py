"""Arguments that make no sense are refused with their name, their value and what was expected."""

from __future__ import annotations

import pytest

from otel_clinical.sdk import ConfigurationError, configure
from otel_clinical.sdk._settings import PrometheusPage, Settings, parse_metrics

SOUND = {
    "service": "coding-service", "version": "1.2", "environment": "test", "endpoint": "https://collector:4318",
    "headers": {}, "page": None, "push_metrics": True, "schedule_delay": 1.0, "metric_interval": 15.0,
    "timeout": 10.0, "queue_size": 10, "policy": None, "receipt_keys": None, "receipt_max_age": 1.0,
    "protocol": "http/protobuf", "disabled": False,
}  # fmt: skip

BAD = [
    ({"service": ""}, "service is ''"),
    ({"service": "coding service"}, "service is 'coding service', expected letters"),
    ({"version": "1 2"}, "version is '1 2'"),
    ({"schedule_delay": 0}, "schedule_delay is 0, expected a number greater than 0"),
    ({"metric_interval": -1.0}, "metric_interval is -1.0"),
    ({"timeout": float("nan")}, "timeout is nan"),
    ({"queue_size": 0}, "queue_size is 0"),
    ({"protocol": "http/json"}, "protocol is 'http/json', expected 'http/protobuf' or 'grpc'"),
    ({"endpoint": "collector:4318"}, "endpoint is 'collector:4318', expected a base URL"),
    ({"endpoint": "ftp://collector"}, "expected a base URL"),
    ({"endpoint": "https://"}, "expected a base URL"),
    ({"endpoint": "http://collector:4318/v1/traces"}, "without /v1/traces"),
    ({"endpoint": "http://collector:4318", "headers": {"Authorization": "Bearer x"}}, "in clear text"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_senseless_settings_are_refused(change, message):
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")):
        Settings(**{**SOUND, **change})


def test_a_token_may_travel_in_clear_text_on_the_loopback_only():
    headers = {"authorization": "Bearer x"}
    assert Settings(**{**SOUND, "endpoint": "http://127.0.0.1:4318", "headers": headers})
    assert Settings(**{**SOUND, "endpoint": "https://collector:4318", "headers": headers})


def test_a_token_is_not_shown():
    assert "secret" not in repr(Settings(**{**SOUND, "headers": {"authorization": "Bearer secret"}}))


@pytest.mark.parametrize("base", ["https://collector:4318", "https://collector:4318/", "https://host/otlp"])
def test_signals_have_their_path_below_the_base(base):
    assert Settings(**{**SOUND, "endpoint": base}).url("traces") == base.rstrip("/") + "/v1/traces"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, (None, False)),
        ("none", (None, False)),
        ("otlp", (None, True)),
        ("prometheus:0", (PrometheusPage("127.0.0.1", 0), False)),
        ("prometheus:0.0.0.0:9464", (PrometheusPage("0.0.0.0", 9464), False)),  # noqa: S104 -- what a user may write
        ("prometheus:[::1]:9464", (PrometheusPage("::1", 9464), False)),
    ],
)
def test_where_metrics_go(text, expected):
    assert parse_metrics(text) == expected


@pytest.mark.parametrize("text", ["", "prometheus", "prometheus:", "prometheus:x", "prometheus:70000", "statsd:1"])
def test_an_unknown_place_for_metrics_is_refused(text):
    with pytest.raises(ConfigurationError, match=r"metrics is .* expected 'otlp'"):
        configure("coding-service", metrics=text, set_global=False)
