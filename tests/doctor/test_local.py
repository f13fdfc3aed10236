"""What this machine itself says: versions, variables, redaction, policy, receipts, servers that fork."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from otel_clinical.doctor import Level, OptionsError, _examine, _local, options_of
from otel_clinical.doctor._versions import installed_packages, is_before, judge_versions, own_requirements

ROOT = Path(__file__).parents[2]


def wrong(found):
    assert all(finding.advice for finding in found if finding.level is not Level.OK)
    return [finding.said for finding in found if finding.level is Level.PROBLEM]


def test_what_is_installed_here_is_known_to_work():
    found = judge_versions(own_requirements(), installed_packages())
    assert wrong(found) == []
    assert found[0].level is Level.OK


@pytest.mark.parametrize(
    ("have", "fits"),
    [("1.44.9", False), ("1.45", True), ("1.45.0", True), ("1.46.2", True), ("2.0.0", False), ("1.45.0b1", True)],
)
def test_a_package_outside_its_range_is_named(have, fits):
    found = judge_versions(["opentelemetry-sdk<2,>=1.45; extra == 'sdk'"], {"opentelemetry-sdk": have})
    said = [] if fits else [f"opentelemetry-sdk {have} is outside the range known to work"]
    assert wrong(found) == said


def test_a_package_that_is_not_installed_is_not_missed():
    assert judge_versions(["river>=0.26.1,<0.27; extra == 'processor'"], {}) == []


def test_opentelemetry_packages_of_different_releases_are_named():
    found = judge_versions([], {"opentelemetry-api": "1.45.2", "opentelemetry-sdk": "1.46.0"})
    assert [(finding.level, finding.said) for finding in found] == [
        (Level.HINT, "OpenTelemetry packages of different releases (1.45, 1.46)")
    ]


@pytest.mark.parametrize(("have", "floor", "expected"), [("3", "2.42", False), ("2.5", "2.42", True), ("x", "1", True)])
def test_versions_compare_by_their_numbers(have, floor, expected):
    assert is_before(have, floor) is expected


def test_the_redaction_is_proven():
    (finding,) = _local.redaction()
    assert finding.level is Level.OK


def test_a_redaction_that_leaks_is_a_problem(monkeypatch):
    monkeypatch.setattr(_local, "self_test", lambda: "the redaction of spans let a marker through")
    assert wrong(_local.redaction()) == ["the redaction of spans let a marker through"]


def test_a_sound_policy():
    (finding,) = _local.policy(ROOT / "examples" / "policy.yaml")
    assert finding.level is Level.OK
    assert "coding" in finding.said


def test_a_baseline_whose_time_has_passed_is_a_hint(tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    file = tmp_path / "examples" / "policy.yaml"
    text = file.read_text(encoding="utf-8").replace("{file: baseline.json}", "{file: baseline.json, maximum_age: 1s}")
    file.write_text(text, encoding="utf-8")
    found = _local.policy(file)
    assert [finding.level for finding in found] == [Level.OK, Level.HINT]
    assert "the baseline of coding (kind fixed) ended on" in found[1].said


@pytest.mark.parametrize("text", ["nonsense: 1\n", "\x00", "- a\n", None])
def test_a_policy_with_mistakes_says_how_to_see_them(tmp_path, text):
    file = tmp_path / "policy.yaml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    (finding,) = _local.policy(file)
    assert finding.level is Level.PROBLEM
    assert finding.advice == f"otel-clinical check {file}"


def test_without_a_policy_it_is_skipped():
    (finding,) = _local.policy(None)
    assert finding.level is Level.SKIPPED


def test_receipts_without_keys_are_a_hint():
    (finding,) = _local.receipts()
    assert (finding.level, finding.said) == (Level.HINT, "receipts are not signed")


def test_receipts_with_keys(monkeypatch):
    monkeypatch.setenv("OTEL_CLINICAL_RECEIPT_KEYS", f"k2:{'ab' * 16},k1:{'cd' * 16}")
    (finding,) = _local.receipts()
    assert (finding.level, finding.said) == (Level.OK, "receipts are signed with k2; 2 keys verify")


@pytest.mark.parametrize("text", ["k1:xyz", "k1:abcd", f"a b:{'ab' * 16}"])
def test_keys_that_cannot_be_read_are_a_problem_and_not_shown(monkeypatch, text):
    monkeypatch.setenv("OTEL_CLINICAL_RECEIPT_KEYS", text)
    (finding,) = _local.receipts()
    assert wrong([finding]) == ["OTEL_CLINICAL_RECEIPT_KEYS cannot be read"]
    assert text.partition(":")[2] not in finding.said + finding.advice


def test_an_age_of_receipts_that_cannot_be_read_is_a_problem(monkeypatch):
    monkeypatch.setenv("OTEL_CLINICAL_RECEIPT_MAX_DAYS", "a year")
    assert wrong(_local.receipts()) == ["OTEL_CLINICAL_RECEIPT_MAX_DAYS cannot be read"]


def test_servers_that_fork_are_hinted_at():
    found = _local.forks({"gunicorn": "24", "celery": "5.5", "flask": "3"})
    assert [finding.said for finding in found] == [
        "gunicorn is installed, and it forks",
        "celery is installed, and it forks",
    ]
    assert "post_fork" in found[0].advice


def test_variables_that_contradict_nothing():
    assert wrong(_local.variables()) == []


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OTEL_SDK_DISABLED": "TRUE"}, "OTEL_SDK_DISABLED is true: nothing is recorded"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "OTEL_TRACES_EXPORTER is otlp: exported without redaction"),
        (
            {"OTEL_METRICS_EXPORTER": "otlp_clinical,console"},
            "OTEL_METRICS_EXPORTER is console: exported without redaction",
        ),
        ({"OTEL_METRICS_EXPORTER": "prometheus"}, "OTEL_METRICS_EXPORTER is prometheus: exported without redaction"),
        (
            {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"},
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE is delta",
        ),
    ],
)
def test_variables_that_switch_something_off(monkeypatch, variables, said):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert said in wrong(_local.variables())


def test_temporality_that_our_exporters_ignore_is_a_hint(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    (finding,) = _local.variables()
    assert finding.level is Level.HINT


@pytest.mark.parametrize("url", ["collector:4318", "ftp://c", "http://", "http://[::1", "http://c:99999999"])
def test_a_url_that_is_none_is_named(url):
    with pytest.raises(OptionsError, match=r"--endpoint is .*, expected a URL such as"):
        options_of(endpoint=url)
    with pytest.raises(OptionsError, match=r"--prometheus is .*, expected a URL such as"):
        options_of(prometheus=url)


def test_an_authority_that_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(OptionsError, match=r"--ca-file is .*: there is no such file"):
        options_of(ca_file=tmp_path / "ca.pem")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "ca.pem"))
    with pytest.raises(OptionsError, match=r"OTEL_EXPORTER_OTLP_CERTIFICATE is .*: there is no such file"):
        options_of()


def test_options_do_not_show_the_token():
    assert "secret" not in repr(options_of(token="secret-token"))  # noqa: S106 -- opens nothing


def test_a_check_that_breaks_is_a_finding_and_hides_nothing(monkeypatch, closed):
    def broken():
        raise RuntimeError("MRN 00123")

    monkeypatch.setattr(_local, "redaction", broken)
    found = _examine.examine(options_of(endpoint=closed))
    (finding,) = [one for one in found if one.check == "phi"]
    assert finding.said == "the check itself failed with RuntimeError"
    assert any(one.check == "endpoint" for one in found)
