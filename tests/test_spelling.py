"""A misspelt word is answered with the one that was meant, wherever people write words."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import otel_clinical
from otel_clinical import (
    ModelRouter,
    QualityProfile,
    declare_segments,
    inference,
    outcome,
    record_inference,
    record_outcome,
    record_review,
    record_safety_event,
    task,
)
from otel_clinical._spelling import closest, did_you_mean, spelled
from otel_clinical.access import AccessError, Address
from otel_clinical.cli import main
from otel_clinical.sdk import configure

MISSPELT = (
    (inference, {"model": "coding", "verison": "7"}, "version"),
    (outcome, {"recipt": "case"}, "receipt"),
    (task, {"asistance": "with_ai"}, "assistance"),
    (record_outcome, {"resutl": "correct"}, "result"),
    (record_review, {"acton": "edited"}, "action"),
    (record_inference, {"modle": "coding"}, "model"),
    (record_safety_event, {"severty": "high"}, "severity"),
    (ModelRouter, {"pointr": "coding.json"}, "pointer"),
    (QualityProfile, {"requred": ("age",)}, "required"),
    (configure, {"endpont": "http://127.0.0.1:4318"}, "endpoint"),
)


@pytest.mark.parametrize(("call", "options", "meant"), MISSPELT, ids=lambda value: getattr(value, "__name__", None))
def test_a_misspelt_option_is_answered_with_the_one_that_was_meant(call, options, meant):
    with pytest.raises(TypeError, match=f'did you mean "{meant}"'):
        call(**options)


def test_every_way_to_report_and_to_declare_says_it():
    names = [name for name in otel_clinical.__all__ if name.startswith("record_") or name == "task"]
    silent = [name for name in names if not hasattr(getattr(otel_clinical, name), "__wrapped__")]
    assert names
    assert silent == []


def test_a_word_like_no_other_is_answered_with_all_of_them():
    with pytest.raises(TypeError, match=r"QualityProfile has no option 'zzz'; its options: required, "):
        QualityProfile(zzz=1)  # type: ignore[call-arg]


def test_a_type_error_of_the_work_itself_passes_unchanged():
    error = TypeError("from inside")

    @spelled
    def work(*, amount):
        raise error

    with pytest.raises(TypeError) as raised:
        work(amount=1)
    assert raised.value is error
    with pytest.raises(TypeError, match="amount"):
        work()


def test_the_signature_stays_visible():
    assert "receipt" in inspect.signature(record_outcome).parameters
    assert "pointer" in inspect.signature(ModelRouter).parameters


def test_a_word_of_a_closed_set_is_answered_with_the_one_that_was_meant():
    with pytest.raises(ValueError, match=r'did you mean "revenue_cycle"\? expected one of '):
        inference(model="coding", version="7", use_case="revenue_cyle")
    with pytest.raises(ValueError, match=r'did you mean "payer"\? expected one of '):
        declare_segments({"payr": ["medicaid"]})


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("proccessor",), '"processor"'),
        (("rolback", "serve"), '"rollback"'),
        (("check", "--no-baseline"), "--no-baselines"),
    ],
)
def test_a_misspelt_command_or_option_is_answered_with_the_one_that_was_meant(words, meant, capsys):
    with pytest.raises(SystemExit) as exited:
        main(words)
    assert exited.value.code == 2
    assert meant in capsys.readouterr().err


def test_an_address_says_which_option_it_was_given_to():
    with pytest.raises(AccessError, match=r"^--http is '99999', expected HOST:PORT"):
        Address.parse("99999", "--http")


def test_who_makes_no_mistake_does_not_pay_for_the_comparison():
    code = (
        "import sys; from otel_clinical import inference, record_outcome; inference(model='m', version='1'); "
        "record_outcome('x', result='correct'); assert 'difflib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_words_are_compared_whatever_their_case():
    assert closest("MEDICAID", ["medicaid", "medicare"]) == "medicaid"
    assert did_you_mean("zzz", ["payer", "site"]) == ""
