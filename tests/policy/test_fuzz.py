"""Whatever is in the file, the answer is a policy or a list of problems, never another exception."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.policy import PolicyErrors, parse_policy

GOOD = (Path(__file__).parent / "good.yaml").read_text(encoding="utf-8")
LINES = GOOD.splitlines(keepends=True)
SCRAPS = st.sampled_from(
    ["", "~", "[]", "{}", "yes", "NO", "-1", "1e400", ".nan", "5", "5%", "0x10", "12:30:00", "2026-01-01", "*x", "&x a",
     "!!set {a}", "<<: {a: 1}", "? [a]", "'", '"', "|", "- a", "all", "_OTHER", "[[[[",
     "{a: {b: {c: d}}}", "!!binary aGk=", "\t"]
)  # fmt: skip


def answer(text):
    try:
        problems = (parse_policy(text, "p.yaml", baselines=False).hash,)
    except PolicyErrors as errors:
        problems = errors.problems
    assert problems
    assert all(str(problem).startswith(("p.yaml", "sha256:")) for problem in problems)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(LINES) - 1), SCRAPS)
def test_any_value_replaced_by_a_scrap(place, scrap):
    key = LINES[place].split(":")[0]
    answer("".join([*LINES[:place], f"{key}: {scrap}\n", *LINES[place + 1 :]]))


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, len(LINES) - 1), min_size=1, max_size=6))
def test_any_lines_removed(places):
    answer("".join(line for i, line in enumerate(LINES) if i not in places))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(GOOD)), st.text(max_size=8))
def test_any_text_inserted_anywhere(place, text):
    answer(GOOD[:place] + text + GOOD[place:])


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text(text):
    answer(text)
