"""River's ADWIN behind its guard."""

from __future__ import annotations

import hashlib
import math
import random
from importlib.metadata import version

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import base, drift

from otel_clinical.drift._codec import CodecError, pack, unpack
from otel_clinical.drift.detectors import DETECTORS, BettingDetector, GuardedADWIN
from otel_clinical.semconv.enums import DriftDetector


def stream(seed: int, n: int, mean: float = 0.9, sd: float = 0.05) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(mean, sd) for _ in range(n)]


def first_detection(detector: GuardedADWIN, values: list[float]) -> int | None:
    for place, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            return place
    return None


def test_it_is_a_detector_of_river_and_registered():
    assert isinstance(GuardedADWIN(), base.DriftDetector)
    assert DETECTORS[DriftDetector.ADWIN] is GuardedADWIN
    assert DETECTORS[DriftDetector.E_DETECTOR] is BettingDetector


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, None, "x"])
def test_one_broken_value_never_silences_it(broken):
    """The same value given to River's own ADWIN silences it, or stops the program."""
    values = [*stream(1, 500), broken, *stream(2, 500), *stream(3, 300, mean=0.8)]
    detector = GuardedADWIN(0.9, 0.05)
    place = first_detection(detector, values)
    assert detector.rejected == 1
    assert place is not None
    assert place > 1001


def test_a_nan_silences_rivers_own():
    """Why the guard exists; if this fails River has changed and the guard may be thinner."""
    bare = drift.ADWIN()
    found = False
    for value in [*stream(1, 500), math.nan, *stream(3, 2000, mean=5.0)]:
        bare.update(value)
        found |= bare.drift_detected
    assert not found


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_units_do_not_matter(scale):
    values = [value * scale for value in [*stream(4, 1000), *stream(5, 300, mean=0.85)]]
    detector = GuardedADWIN(0.9 * scale, max(0.05 * scale, 0.0))
    if scale < 1e-3:
        detector.sd = 0.05 * scale
    assert first_detection(detector, values) == first_detection(
        GuardedADWIN(0.9, 0.05), [*stream(4, 1000), *stream(5, 300, mean=0.85)]
    )


def test_a_wild_outlier_is_cut_off():
    values = [*stream(6, 1000), 1e12, *stream(7, 1000)]
    assert first_detection(GuardedADWIN(0.9, 0.05), values) is None


def test_a_reference_without_spread_is_allowed():
    detector = GuardedADWIN(1.0, 0.0)
    assert first_detection(detector, [1.0] * 500) is None
    assert first_detection(detector, [0.9] * 300) is not None


def test_rising_tells_an_improvement_from_a_decline():
    worse, better = GuardedADWIN(0.0, 1.0), GuardedADWIN(0.0, 1.0)
    first_detection(worse, [*stream(8, 1000, 0.0, 1.0), *stream(9, 500, 1.0, 1.0)])
    first_detection(better, [*stream(8, 1000, 1.0, 1.0), *stream(9, 500, 0.0, 1.0)])
    assert (worse.rising, better.rising) == (True, False)


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 33, 500, 1030, 1100])
def test_saved_in_mid_stream_it_goes_on_bit_by_bit(cut):
    values = [*stream(10, 1000), *stream(11, 200, mean=0.8)]
    whole, first = GuardedADWIN(0.9, 0.05), GuardedADWIN(0.9, 0.05)
    for value in values:
        whole.update(value)
    for value in values[:cut]:
        first.update(value)
    second = GuardedADWIN.loads(first.dumps())
    for value in values[cut:]:
        second.update(value)
    assert second.dumps() == whole.dumps()
    assert second.detections == whole.detections > 0


def test_the_saved_form_is_what_this_version_of_river_writes():
    """Golden: if River changes its encoding, saved states of the last release need a new version of the codec."""
    detector = GuardedADWIN(0.9, 0.05)
    for place in range(200):
        detector.update(0.8 + (place % 8) / 64)
    _, arrays = unpack(detector.dumps(), "adwin", 1)
    digest = hashlib.sha256(arrays["state"].tobytes()).hexdigest()
    assert (version("river"), len(arrays["state"]), digest[:16]) == GOLDEN


GOLDEN = ("0.26.1", 888, "0ad4ea34633a3100")


@pytest.mark.parametrize("settings", [{}, {"mean": 0.9, "sd": 1e-5, "delta": 1e-5, "clock": 1}, {"mean": 1, "sd": 2}])
@pytest.mark.parametrize("fed", [0, 700])
def test_the_saved_form_is_what_the_codec_makes_of_its_fields(settings, fed):
    detector = GuardedADWIN(**settings)
    for value in stream(12, fed, mean=0.8):
        detector.update(value)
    data = detector.dumps()
    assert pack("adwin", 1, *unpack(data, "adwin", 1)) == data
    assert GuardedADWIN.loads(data).dumps() == data


def test_a_window_of_another_version_of_river_begins_anew():
    detector = GuardedADWIN(0.9, 0.05)
    first_detection(detector, [*stream(10, 1000), *stream(11, 200, mean=0.8)])
    meta, arrays = unpack(detector.dumps(), "adwin", 1)
    again = GuardedADWIN.loads(pack("adwin", 1, meta | {"river": "0.1.0"}, arrays))
    assert (again.detections, again.recent) == (detector.detections, detector.recent)
    assert first_detection(again, [*stream(12, 1000, mean=0.8), *stream(13, 300)]) is not None


def test_damage_is_refused():
    data = bytearray(GuardedADWIN().dumps())
    data[-1] ^= 1
    with pytest.raises(CodecError, match="checksum"):
        GuardedADWIN.loads(bytes(data))


@settings(deadline=None, max_examples=60)
@given(
    parts=st.lists(st.tuples(st.integers(0, 300), st.floats(-6, 6), st.booleans()), max_size=6),
    seed=st.integers(0, 999),
)
def test_many_values_at_once_are_as_if_each_came_alone(parts, seed):
    together, alone = GuardedADWIN(delta=0.05), GuardedADWIN(delta=0.05)
    for number, (size, mean, broken) in enumerate(parts):
        values = np.array(stream(seed + number, size, mean, 0.5))
        values[:1] = math.nan if broken else mean
        found = [(place, together.rising, together.recent) for place in together.update_all(values)]
        expected = []
        for place, value in enumerate(values.tolist()):
            alone.update_standardised(value)
            if alone.drift_detected and math.isfinite(value):
                expected.append((place, alone.rising, alone.recent))
        assert [one[:2] for one in found] == [one[:2] for one in expected]
        assert [one[2] for one in found] == pytest.approx([one[2] for one in expected], abs=1e-12)
        assert together.recent == pytest.approx(alone.recent, abs=1e-12)
        together.recent = alone.recent
        assert together.dumps() == alone.dumps()
