"""Every mistake in a policy is reported at its line, in words that say what to write instead."""

from pathlib import Path

import pytest
import yaml

from otel_clinical.policy import PolicyErrors, parse_policy, policy_problems

HERE = Path(__file__).parent
GOOD = (HERE / "good.yaml").read_text(encoding="utf-8")
CASES = yaml.safe_load((HERE / "bad_policies.yaml").read_text(encoding="utf-8"))


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyErrors) as caught:
        parse_policy(text, "p.yaml", baselines=False)
    return [str(problem) for problem in caught.value.problems]


def test_the_good_policy_is_good():
    assert parse_policy(GOOD, baselines=False).models["coding"].owner == "coding-ai-team"


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_mistake_is_reported_in_exactly_these_words(case):
    assert case["replace"] in GOOD
    assert problems(GOOD.replace(case["replace"], case["by"])) == [f"p.yaml:{line}" for line in case["say"]]


def test_the_table_is_large_and_has_no_case_twice():
    assert len(CASES) >= 40
    assert len({case["name"] for case in CASES}) == len(CASES)


def test_all_mistakes_are_reported_at_once_in_file_order():
    text = GOOD
    for case in CASES:
        if case["name"] in {"duration without unit", "unknown use case", "norway", "equal drops", "limits"}:
            text = text.replace(case["replace"], case["by"])
    lines = [problem.split(": ")[0] for problem in problems(text)]
    assert lines == ["p.yaml:7", "p.yaml:13", "p.yaml:20", "p.yaml:27", "p.yaml:39"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.yaml: is empty; allowed: exactly one YAML document"),
        ("# only a comment\n", "p.yaml: is empty; allowed: exactly one YAML document"),
        ("a: 1\n---\nb: 2\n", "p.yaml: holds 2 YAML documents; allowed: exactly one YAML document"),
        ("- a\n", "p.yaml:1: is not a mapping; allowed: schema, fleet, drift, vocabulary, models"),
        ("just words\n", "p.yaml:1: is not a mapping; allowed: schema, fleet, drift, vocabulary, models"),
        (
            "a: *nowhere\n",
            "p.yaml:1: is not valid YAML: found undefined alias 'nowhere'; allowed: YAML 1.1; indent with spaces",
        ),
    ],
)
def test_a_file_that_is_no_policy_at_all_gets_one_sentence(text, message):
    assert problems(text) == [message]


def test_anchors_that_multiply_are_stopped():
    bomb = "x-0: &x0 [a, a, a, a, a, a, a, a, a, a]\n" + "".join(
        f"x-{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]\n" for i in range(1, 9)
    )
    [problem] = problems(bomb)
    assert "anchors expand to too many values" in problem


def test_deep_nesting_is_refused_without_a_traceback():
    [problem] = problems("[" * 5000 + "]" * 5000)
    assert problem == "p.yaml: is nested too deeply; allowed: a plain YAML document"


def test_a_missing_file_and_a_binary_file_are_named(tmp_path):
    missing = tmp_path / "none.yaml"
    assert [str(p) for p in policy_problems(missing)] == [
        f"{missing}: no such file or directory; allowed: a readable YAML file"
    ]
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"schema: \xff\xfe")
    assert [str(p) for p in policy_problems(binary)] == [f"{binary}: byte 8 is not UTF-8; allowed: UTF-8 text"]
