"""A rule for a pair of segments applies where both values are met, and nowhere else."""

from __future__ import annotations

import pytest

from otel_clinical.release import ReleasePointer, Segment, SegmentRule

PAIR = Segment("payer,site", "medicaid,h01")
POINTER = ReleasePointer("coding", "8").with_rule(SegmentRule(PAIR, "standard", version="7"), at=1.0, by="x")


@pytest.mark.parametrize(
    ("segments", "version"),
    [
        ({"payer": "medicaid", "site": "h01"}, "7"),
        ({"payer": "medicaid", "site": "h01", "language": "en"}, "7"),
        ({"payer": "medicaid", "site": "h02"}, "8"),
        ({"payer": "medicaid"}, "8"),
        ({}, "8"),
        ({"payer,site": "medicaid,h01"}, "8"),
    ],
)
def test_both_values_must_be_met(segments, version):
    assert ReleasePointer.parse(POINTER.dumps()).resolve(segments).version == version


def test_the_parts_of_a_pair_resolve_to_its_rule():
    assert POINTER.resolve(PAIR.parts).version == "7"
    assert Segment("payer", "medicaid").parts == {"payer": "medicaid"}
