"""The short form of the damage soak: nothing goes unnoticed."""

from __future__ import annotations

from soak.damage import damage


def test_random_damage_never_goes_unnoticed():
    result = damage(60, seed=2)
    assert result.problems == []
    became = {outcome for _, outcome in result.outcomes}
    assert {"refused in one sentence", "went on with nothing missing"} <= became
