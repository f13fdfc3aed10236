"""Durations, percents and budgets read what people write and refuse what is ambiguous."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from otel_clinical.policy import duration_text, parse_budget, parse_duration, parse_percent


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("2h", 7200), ("1d", 86400), ("3mo", 7889400), ("10y", 315576000), ("0s", 0),
     ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25), ("1w", 604800), (" 5 m ", 300)],
)  # fmt: skip
def test_durations(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@given(st.integers(0, 10**6), st.sampled_from(["s", "m", "h", "d"]))
def test_a_duration_written_back_means_the_same(number, unit):
    seconds = (
        parse_duration(f"{number}{unit}") if number * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit] < 3e9 else 0.0
    )
    assert parse_duration(duration_text(seconds)) == pytest.approx(seconds)


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_a_clear_refusal(text):
    try:
        seconds = parse_duration(text)
    except PydanticCustomError as error:
        refusal = error.context
    else:
        refusal = {"allowed": "no refusal"} if seconds >= 0 else None
    assert refusal
    assert refusal["allowed"]


@pytest.mark.parametrize(
    ("text", "ratio"), [("5%", 0.05), ("2.5 %", 0.025), (0.05, 0.05), ("100%", 1.0), (0, 0.0), (1.0, 1.0)]
)
def test_percents(text, ratio):
    assert parse_percent(text) == ratio


@pytest.mark.parametrize("value", [5, 15, 1, 1.5, -0.1, "5", "0.05", "five", "101%", None, True, [], {}])
def test_ambiguous_percents_are_refused(value):
    with pytest.raises(PydanticCustomError):
        parse_percent(value)


@pytest.mark.parametrize(
    ("text", "years"), [("1 per 10y", 10), ("2 per 1y", 0.5), ("1 in 3mo", 0.25), ("0.5 every 1y", 2)]
)
def test_budgets(text, years):
    assert parse_budget(text).years == pytest.approx(years)


def test_a_budget_prints_as_it_is_written():
    assert str(parse_budget("1 per 3mo")) == "1 per 3mo"
