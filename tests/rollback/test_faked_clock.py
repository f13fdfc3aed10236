"""A real controller whose system clock is put forward or back while it runs: timers run on, and it says so."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_clinical.rollback import activate_version
from otel_clinical.simulate._apt import AptError, unpack_packages
from otel_clinical.simulate._binaries import _cache
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import Controller, alert, notification, terms_of
from tests.rollback._prometheus import degraded

if TYPE_CHECKING:
    from tests.rollback._prometheus import FakePrometheus

pytestmark = pytest.mark.stack

LONG = 60.0
VETO = 6.0
LAST = "      maximum_alert_age: 15m\n"
_LIBRARY = "usr/lib/*/faketime/libfaketimeMT.so.1"


@pytest.fixture(scope="module")
def faketime() -> str:
    """Return the library that lies to a process about the time, from Debian."""
    cache = _cache() / "faketime"
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=cache.parent) as scratch:
            try:
                tree = unpack_packages(("libfaketime",), Path(scratch))
            except AptError as error:
                pytest.skip(f"libfaketime is not to be had: {error}")
            if not cache.exists():
                tree.rename(cache)
    return str(next(cache.glob(_LIBRARY)))


@pytest.mark.parametrize("step", ["+1d", "-1h"])
def test_the_time_for_a_veto_is_as_long_as_it_was_said_to_be(
    step: str, faketime: str, prometheus: FakePrometheus, tmp_path: Path
) -> None:
    terms = terms_of(tmp_path, **{LAST: f"{LAST}      safety_class: B\n      veto: {VETO:g}s\n"})
    for version, age in (("7", 86_400.0), ("8", 60.0)):
        activate_version(terms, version, by="tests", at=time.time() - age)
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    lie = {
        "LD_PRELOAD": faketime,
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    controller = Controller(tmp_path, prometheus.url, ("--pull=1", "--retry=0.1", "--watch=0.1"), environment=lie)
    controller.start()
    try:
        labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
        posted = time.monotonic()
        controller.post(notification(alert(labels)))
        controller.wait_state("announced", within=LONG)
        clock.write_text(f"{step}\n")
        wait_until(lambda: _happened(controller, "clock.stepped"), within=LONG, what="the step to be noticed")
        controller.wait_state("converging", within=LONG)
        assert time.monotonic() - posted > VETO, "a day of the clock must not count as time for a veto"
        assert controller.pointer().version == "7"
        assert abs(controller.pointer().activated_at - time.time()) < LONG, "and the pointer tells the right time"
        controller.verify_audit()
    finally:
        controller.process.stop()


def _happened(controller: Controller, action: str) -> bool:
    return any(event["action"] == action for event in controller.get("/v1/audit")["events"])
