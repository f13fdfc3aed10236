"""The registry takes detectors of other distributions, guards them, and says in one sentence why it refuses one."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from river import base

from otel_clinical.drift._codec import CodecError
from otel_clinical.drift.detectors import (
    DETECTORS,
    BettingDetector,
    DetectorError,
    GuardedADWIN,
    GuardedDetector,
    detector_class,
    detector_names,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULE = "third_party_detectors"
SOURCE = """
from river import base


class Above(base.DriftDetector):
    def __init__(self, limit=3):
        super().__init__()
        self.limit, self.seen = limit, 0

    def update(self, x):
        if x == 13.0:
            raise RuntimeError("patient 4711")
        self.seen += x > 0.5
        self._drift_detected = self.seen >= self.limit

    def dumps(self):
        return f"{self.limit} {self.seen}".encode()

    @classmethod
    def loads(cls, data):
        limit, seen = map(int, data.split())
        made = cls(limit)
        made.seen = seen
        return made


class Unsaved(base.DriftDetector):
    def update(self, x):
        pass


class Text(Above):
    def dumps(self):
        return "text"


class Forgets(Above):
    @classmethod
    def loads(cls, data):
        raise KeyError("patient 4711")


class Plain:
    pass
"""
POINTS = """[otel_clinical.detectors]
above = {m}:Above
unsaved = {m}:Unsaved
text = {m}:Text
forgets = {m}:Forgets
plain = {m}:Plain
gone = {m}_gone:Above
adwin = {m}:Above
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put a distribution with entry points on the path, as an installer leaves it."""
    (tmp_path / f"{MODULE}.py").write_text(SOURCE)
    info = tmp_path / f"{MODULE}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {MODULE}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS.format(m=MODULE))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop(MODULE, None)


def test_ours_are_there_without_any_entry_point() -> None:
    for name, kind in DETECTORS.items():
        assert detector_class(name.value) is kind
        assert issubclass(kind, base.DriftDetector)


@pytest.mark.usefixtures("installed")
def test_a_detector_of_another_distribution_is_found_fed_saved_and_restored() -> None:
    assert "above" in detector_names()
    whole, first = GuardedDetector("above", {"limit": 4}), GuardedDetector("above", {"limit": 4})
    for value in (0.9, 0.1, None, 0.8):
        whole.update(value)
        first.update(value)
    second = GuardedDetector.loads(first.dumps())
    for value in (0.9, 0.9):
        whole.update(value)
        second.update(value)
    assert whole.drift_detected
    assert second.drift_detected
    assert second.dumps() == whole.dumps()


@pytest.mark.usefixtures("installed")
def test_an_entry_point_cannot_take_one_of_our_names() -> None:
    assert detector_class("adwin") is GuardedADWIN


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "junk", [None, math.nan, math.inf, -math.inf, "0.9", b"1", True, 10**400, 1j, [0.9], np.float32("nan")]
)
def test_what_is_no_finite_number_is_counted_and_never_fed(junk: object) -> None:
    detector = GuardedDetector("above", {"limit": 1})
    detector.update(junk)
    assert (detector.rejected, detector.failed, detector.drift_detected) == (1, 0, False)
    detector.update(np.float32(0.9))
    assert detector.drift_detected


@pytest.mark.usefixtures("installed")
def test_an_exception_in_a_detector_is_counted_and_stays_inside() -> None:
    detector = GuardedDetector("above", {"limit": 1})
    detector.update(13.0)
    assert (detector.rejected, detector.failed, detector.drift_detected) == (0, 1, False)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere", "is not installed"),
        ("gone", "cannot be imported"),
        ("plain", "expected a river.base.DriftDetector"),
        ("unsaved", "has no dumps and no loads"),
        ("text", "returned str from dumps"),
        ("forgets", r"failed in loads\(\) \(KeyError\)"),
    ],
)
def test_a_detector_that_cannot_be_used_is_refused_in_one_sentence(name: str, why: str) -> None:
    with pytest.raises(DetectorError, match=why) as caught:
        GuardedDetector(name)
    text = str(caught.value)
    assert repr(name) in text
    assert "\n" not in text
    assert "4711" not in text


@pytest.mark.usefixtures("installed")
def test_wrong_parameters_are_refused_without_their_values() -> None:
    with pytest.raises(DetectorError, match="does not accept the parameters") as caught:
        GuardedDetector("above", {"limt": "4711"})
    assert "4711" not in str(caught.value)


def test_two_distributions_that_claim_a_name_are_refused(installed: Path) -> None:
    info = installed / "other_detectors-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-detectors\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[otel_clinical.detectors]\nabove = other:Above\n")
    with pytest.raises(DetectorError, match="is claimed by other:Above and third_party_detectors:Above"):
        detector_class("above")


def test_a_state_whose_detector_is_gone_says_so(installed: Path) -> None:
    data = GuardedDetector("above").dumps()
    (installed / f"{MODULE}-1.0.dist-info" / "entry_points.txt").write_text("[otel_clinical.detectors]\n")
    with pytest.raises(DetectorError, match="'above' is not installed"):
        GuardedDetector.loads(data)


def test_a_damaged_state_is_refused() -> None:
    data = bytearray(GuardedDetector("adwin").dumps())
    data[len(data) // 2] ^= 1
    with pytest.raises(CodecError):
        GuardedDetector.loads(bytes(data))


def test_a_number_too_large_for_a_float_is_counted_by_ours() -> None:
    for detector in (GuardedADWIN(), BettingDetector()):
        detector.update(10**400)
        assert detector.rejected == 1
