"""A known fault makes exactly what it names worse, the same way every time."""

import pytest

from otel_clinical.backtest import InjectionError, inject, parse_injection, read_history
from otel_clinical.backtest._inject import check_injection


def test_the_syntax_and_its_variants():
    fault = parse_injection("payer=MC:drop=20%:from-row=20000")
    assert (fault.segment, fault.value, fault.drop, fault.from_row, fault.to_row) == ("payer", "MC", 0.2, 20000, None)
    assert parse_injection("payer=MC:from_row=20000:drop=0.2") == fault
    assert parse_injection("all:drop=5%:from-row=2:to-row=9").where == "all"
    assert parse_injection(str(fault)) == fault


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", '"" names no segment value'),
        ("payer", '"payer" names no segment value'),
        ("payer=MC", "no drop is given"),
        ("payer=MC:drop=20", 'drop "20" is no share of the right answers; write 20% or 0.2'),
        ("payer=MC:drop=-5%", 'drop "-5%" is no share'),
        ("payer=MC:drop=0%", 'drop "0%" is no share'),
        ("payer=MC:drop=x", 'drop "x" is no share'),
        ("payer=MC:dorp=20%", '"dorp=20%" is not known, did you mean "drop"?'),
        ("payer=MC:drop=20%:from-row=0", '"0" is no row number from 1'),
        ("payer=MC:drop=20%:from-row=9:to-row=3", "to-row 3 is before from-row 9"),
        ("payer=MC:drop=20%:drop=30%", "drop is given twice"),
    ],
)
def test_what_cannot_be_understood_is_said(text, message):
    with pytest.raises(InjectionError) as caught:
        parse_injection(text)
    assert message in str(caught.value)


def test_only_the_named_rows_of_the_named_value_are_touched(world, rows):
    mapping, _, model = world.documents()
    before = read_history(world.csv(rows), mapping, model).encounters
    after = inject(before, [parse_injection("payer=medicaid:drop=20%:from-row=1000:to-row=2000")])
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert {encounter.segments["payer"] for encounter in changed} == {"medicaid"}
    assert {encounter.score for encounter in changed} == {0.0}
    assert min(e.row for e in changed) >= 1000
    assert max(e.row for e in changed) <= 2000
    right = sum(e.score == 1 and e.segments["payer"] == "medicaid" and 1000 <= e.row <= 2000 for e in before)
    assert len(changed) / right == pytest.approx(0.2, abs=0.06)
    assert inject(before, [parse_injection("payer=medicaid:drop=20%:from-row=1000:to-row=2000")]) == after


def test_an_undeclared_segment_or_value_is_refused_with_a_hint(world):
    _, _, model = world.documents()
    with pytest.raises(InjectionError, match='segment "site" is not declared; declared: department, payer'):
        check_injection(parse_injection("site=h01:drop=20%"), model)
    with pytest.raises(InjectionError, match='payer=medicad is not declared, did you mean "medicaid"'):
        check_injection(parse_injection("payer=medicad:drop=20%"), model)
