"""Every way in which a receiver can be wrong is provoked, told from the others, and comes with advice."""

from __future__ import annotations

import pytest

from otel_clinical.doctor import Level, options_of
from otel_clinical.doctor._answer import _ADVICE, _SAID, Verdict
from otel_clinical.doctor._examine import receiver
from otel_clinical.doctor._health import judge_clock

TOKEN = "a-token-of-this-test"  # noqa: S105 -- opens nothing


def look(endpoint, **options):
    """Return the findings about the receiver that are not as they should be, and their advice."""
    options = {"timeout": 10.0, **options}
    found = receiver(options_of(endpoint=endpoint, **options))
    assert all(finding.advice for finding in found if finding.level is not Level.OK)
    return [finding.said for finding in found if finding.level is not Level.OK]


def only_metrics_missing(path):
    return 404 if path == "/v1/metrics" else 200


def test_a_sound_receiver_has_no_findings(serve):
    assert look(serve()) == []


def test_what_is_sound_is_said_for_each_signal(serve):
    url = serve()
    said = [finding.said for finding in receiver(options_of(endpoint=url))]
    assert said == [
        *(f"{url}/v1/{signal} takes {signal} (HTTP)" for signal in ("traces", "logs", "metrics")),
        "the clock of the receiver agrees with ours",
    ]


def test_nobody_listens(closed):
    assert look(closed) == [f"{closed} refuses the connection"]


def test_a_host_that_nobody_knows():
    assert look("http://collector.invalid:4318") == ["http://collector.invalid:4318 has a host name that nobody knows"]


def test_silence_is_waited_for_once(silent):
    assert look(silent, timeout=0.2) == [f"{silent} did not answer in time"]


@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_missing_or_wrong_token(serve, token):
    url = serve(token=TOKEN)
    assert look(url, token=token) == [
        f"{url}/v1/{signal} wants a token (401)" for signal in ("traces", "logs", "metrics")
    ]


def test_the_right_token_is_admitted(serve):
    assert look(serve(token=TOKEN), token=TOKEN) == []


def test_the_token_may_come_from_the_environment(serve, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{TOKEN}")
    assert look(serve(token=TOKEN)) == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "does not admit this token (403)"),
        (404, "does not take traces (404)"),
        (503, "cannot take traces now (503)"),
        (429, "cannot take traces now (429)"),
        (500, "answered 500 to traces"),
        (302, "answered 302 to traces"),
        (599, "answered 599 to traces"),
    ],
)
def test_a_status_is_put_into_words(serve, status, said):
    url = serve(lambda _path: status)
    assert look(url)[0] == f"{url}/v1/traces {said}"


def test_a_receiver_without_metrics_is_told_from_one_without_anything(serve):
    url = serve(only_metrics_missing)
    (finding,) = [found for found in receiver(options_of(endpoint=url)) if found.level is not Level.OK]
    assert finding.said == f"{url}/v1/metrics does not take metrics (404)"
    assert "drift processor" in finding.advice


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_CLINICAL_METRICS", "prometheus:9464"), ("OTEL_METRICS_EXPORTER", "prometheus_clinical")],
)
def test_metrics_that_are_scraped_need_not_be_taken(serve, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    assert look(serve(only_metrics_missing)) == []


def test_a_certificate_that_is_not_trusted(serve):
    url = serve(tls=True)
    assert look(url) == [f"{url} shows a certificate that is not trusted here"]


def test_a_certificate_whose_authority_is_named(serve, authority):
    assert look(serve(tls=True), ca_file=authority[1]) == []


def test_tls_to_a_receiver_without(serve):
    url = serve().replace("http:", "https:")
    assert look(url) == [f"{url} does not speak TLS"]


def test_no_tls_to_a_receiver_with(serve):
    url = serve(tls=True).replace("https:", "http:")
    assert look(url) == [f"{url} does not speak HTTP"]


def test_http_to_a_port_of_grpc(serve_grpc):
    url = serve_grpc()
    assert look(url) == [f"{url} does not speak HTTP"]


@pytest.mark.parametrize(("ahead", "said"), [(120.0, "120 s ahead of ours"), (-90.0, "90 s behind ours")])
def test_a_clock_that_is_wrong(serve, ahead, said):
    (found,) = look(serve(ahead=ahead))
    number, words = said.split(" s ")
    assert found.endswith(words)
    assert abs(int(found.split(" is ")[1].split(" s ")[0]) - int(number)) <= 2


@pytest.mark.parametrize("skew", [0.0, 4.9, -4.9])
def test_a_clock_that_is_nearly_right(skew):
    (found,) = judge_clock("Prometheus", skew)
    assert found.level is Level.OK


def test_a_token_in_clear_text(closed):
    found = look("http://collector.invalid:4318", token=TOKEN)
    assert "a token travels in clear text to another host" in found
    assert "a token travels in clear text to another host" not in look(closed, token=TOKEN)


def test_each_signal_may_have_its_own_receiver(serve, closed, monkeypatch):
    url = serve()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", f"{closed}/v1/logs")
    assert look(None) == [f"{closed} refuses the connection"]


def test_every_verdict_has_words_and_advice():
    assert set(_SAID) == set(_ADVICE) == set(Verdict) - {Verdict.ACCEPTED}


# Over gRPC.

METRICS = "does not take metrics (UNIMPLEMENTED)"


def test_a_receiver_over_grpc(serve_grpc):
    url = serve_grpc()
    assert look(url, protocol="grpc") == [f"{url} {METRICS}"]


def test_a_missing_token_over_grpc(serve_grpc):
    url = serve_grpc(token=TOKEN)
    assert look(url, protocol="grpc")[0] == f"{url} wants a token (UNAUTHENTICATED)"
    assert look(url, protocol="grpc", token=TOKEN) == [f"{url} {METRICS}"]


def test_nobody_listens_over_grpc(closed):
    assert look(closed, protocol="grpc") == [f"{closed} refuses the connection"]


def test_a_host_that_nobody_knows_over_grpc():
    (said,) = look("http://collector.invalid:4317", protocol="grpc", timeout=20.0)
    assert said == "http://collector.invalid:4317 has a host name that nobody knows"


def test_silence_over_grpc(silent):
    assert look(silent, protocol="grpc", timeout=0.3) == [f"{silent} did not answer in time"]


def test_certificates_over_grpc(serve_grpc, authority):
    url = serve_grpc(tls=True)
    assert look(url, protocol="grpc", ca_file=authority[1]) == [f"{url} {METRICS}"]
    assert look(url, protocol="grpc") == [f"{url} shows a certificate that is not trusted here"]


def test_tls_over_grpc_to_a_receiver_without(serve_grpc):
    url = serve_grpc().replace("http:", "https:")
    assert look(url, protocol="grpc") == [f"{url} does not speak TLS"]


def test_grpc_to_a_port_of_http(serve):
    url = serve()
    assert look(url, protocol="grpc") == [f"{url} does not speak gRPC"]
