"""The ledger page says of every version what speaks for going back to it, and what does not."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from otel_clinical.rollback.ledger import KnownGoodRules, Release, ReleaseStatus
from otel_clinical.rollback.page._moments import Moments
from otel_clinical.rollback.page._releases import Known, known_versions
from tests.rollback._situations import DAY, GOOD, NOW, SERVING, pointer, terms

if TYPE_CHECKING:
    from tests.rollback_page._scene import Scene

RULES = KnownGoodRules(smoke_command=("golden",))
TERMS = terms(known_good=RULES)


def versions(*releases: Release, back: str | None = "7", quarantined: tuple[str, ...] = ()) -> dict[str, Known]:
    ledger = {
        "releases": [{"model": "coding", **asdict(release)} for release in releases],
        "quarantines": [{"model": "coding", "version": version, "since": NOW} for version in quarantined],
    }
    found = known_versions(ledger, {"coding": TERMS}, {"coding": pointer()}, {"coding": back}, Moments(NOW))
    return {known.version: known for known in found}


def test_every_fact_that_decides_whether_a_version_is_gone_back_to_is_shown() -> None:
    good = replace(
        GOOD, digest="sha256:" + "cd" * 32, baseline_hash=TERMS.baseline_hash, labels=4_211.0,
        deactivated_at=NOW - 3600,
    )  # fmt: skip
    found = versions(good, SERVING)
    known = found["7"]
    assert list(found) == ["8", "7"], "what serves comes first"
    assert found["8"].tags == (("calm", "serves"),)
    assert ("calm", "would be restored now") in known.tags
    assert known.good == f"yes, since {Moments(NOW).full(NOW - 50 * DAY)}, by ana"
    assert known.soak == "60 d of 7 d asked"
    assert known.outcomes == "4,211 of 500 asked"
    assert known.baseline == f"{'ab' * 6}, the policy's"
    assert known.inputs == "in, the same as what serves"
    assert known.artifact == "cd" * 6
    assert known.golden_set.startswith("passed, ")
    assert "(60 min ago)" in known.golden_set or "(1 h ago)" in known.golden_set


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"good_since": None}, "good", "no: nobody vouches for it"),
        ({"good_by": "controller"}, "good", "by the controller, after soak and outcomes"),
        ({"labels": 10.0}, "outcomes", "fewer than 11 of 500 asked"),
        ({"baseline_hash": ""}, "baseline", "none registered"),
        ({"schema_hash": "sha256:other"}, "inputs", "other than what serves"),
        ({"schema_hash": ""}, "inputs", "none registered"),
        ({"smoke_at": None}, "golden_set", "never run"),
        ({"smoke_problem": "exit code 3"}, "golden_set", "failed: exit code 3, "),
        ({"smoke_at": NOW - 3 * DAY}, "golden_set", "too long ago"),
        ({"activated_at": None, "deactivated_at": None}, "served", "never"),
    ],
)
def test_what_speaks_against_a_version_is_said(changes: dict[str, object], field: str, words: str) -> None:
    assert words in getattr(versions(replace(GOOD, **changes), SERVING)["7"], field)  # type: ignore[arg-type]


def test_a_version_that_failed_or_never_served_is_called_so() -> None:
    failed = replace(GOOD, status=ReleaseStatus.SUPERSEDED)
    new = replace(SERVING, version="9", status=ReleaseStatus.CANDIDATE, activated_at=None)
    found = versions(failed, SERVING, new, back=None, quarantined=("7",))
    assert found["7"].tags == (("plain", "served before"), ("loud", "quarantined"))
    assert found["9"].tags == (("plain", "registered, never served"),)


def test_the_page_says_what_could_be_gone_back_to_now(night: Scene) -> None:
    with night.visit() as client:
        page = client.get("/releases").text
    assert "coding could go back to <strong>version 7</strong> now." in page
    assert "would be restored now" in page
    assert page.index("Every version, and what speaks for it") < page.index("Every activation the controller has seen")
