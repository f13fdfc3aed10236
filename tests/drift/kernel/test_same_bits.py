"""A state that moves between machines with and without AVX-512 goes on with the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from otel_clinical.cli._arithmetic import VARIABLE, settle

WITHOUT = "X86_V4 AVX512_ICL AVX512_SPR"  # what a machine without AVX-512 has, by numpy's own switch

_COMPUTED = """
import hashlib, json, os, sys
from otel_clinical.cli._arithmetic import settle
settle(os.environ)
from tests.drift.kernel.test_order_free import EXPECTED
from otel_clinical.drift._arithmetic import arithmetic
import numpy
digest = hashlib.sha256(json.dumps({key: data.hex() for key, data in EXPECTED.items()}, sort_keys=True).encode())
features = numpy._core._multiarray_umath.__cpu_features__
print(json.dumps([digest.hexdigest(), arithmetic(), len(EXPECTED), features.get("AVX512_SKX", False)]))
"""


def computed(setting: str | None = None) -> list[object]:
    """Return digest of the states of a history, the arithmetic, the number of states, whether AVX-512 is used."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment |= {} if setting is None else {VARIABLE: setting}
    words = [sys.executable, "-c", _COMPUTED]
    found = subprocess.run(words, env=environment, capture_output=True, check=True, timeout=300)
    answer: list[object] = json.loads(found.stdout)
    return answer


@pytest.fixture(scope="module")
def ours() -> list[object]:
    return computed()


def test_states_have_the_same_bytes_with_and_without_avx512(ours: list[object]):
    assert ours == computed(WITHOUT)
    assert isinstance(ours[2], int)
    assert ours[2] > 50


def test_left_to_itself_numpy_would_compute_other_bytes(ours: list[object]):
    """The comparison above can fail, and the fingerprint of the arithmetic tells the two apart."""
    alone = computed("")
    if not alone[3]:
        pytest.skip("this machine has no AVX-512")
    assert alone[0] != ours[0]
    assert alone[1] != ours[1]


@pytest.mark.parametrize("said", [{VARIABLE: "AVX2"}, {"NPY_ENABLE_CPU_FEATURES": "AVX2"}])
def test_whoever_has_said_what_numpy_may_use_keeps_it(said: dict[str, str]):
    environment = dict(said)
    settle(environment, "x86_64")
    assert environment == said


@pytest.mark.parametrize("installed", ["2.3.5", "2.4.0rc1", "3.0.0"])
def test_features_are_called_as_the_installed_numpy_calls_them(installed: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("otel_clinical.cli._arithmetic.version", lambda _name: installed)
    environment: dict[str, str] = {}
    settle(environment, "AMD64")
    assert ("X86_V4" in environment[VARIABLE]) is not installed.startswith("2.3")
    assert "AVX512_ICL" in environment[VARIABLE]
    other: dict[str, str] = {}
    settle(other, "aarch64")
    assert other == {}
