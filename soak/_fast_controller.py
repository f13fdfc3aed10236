"""Run a controller whose clock is many times as fast as the system's.

`python -m soak._fast_controller START SPEED AHEAD POLICY STATE TOKENS PROMETHEUS HOST PORT`: its clock was right at
START, runs SPEED times as fast since, and is AHEAD seconds ahead of that.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from otel_clinical.policy import load_policy
from otel_clinical.rollback import ControllerService, Timing

if TYPE_CHECKING:
    from collections.abc import Callable


def fast(start: float, speed: float, ahead: float) -> Callable[[], float]:
    """Return that clock."""
    return lambda: start + (time.time() - start) * speed + ahead


if __name__ == "__main__":
    _start, _speed, _ahead = map(float, sys.argv[1:4])
    _policy, _state, _tokens, _prometheus, _host, _port = sys.argv[4:]
    ControllerService(
        load_policy(Path(_policy)),
        Path(_state),
        Path(_tokens),
        _prometheus,
        clock=fast(_start, _speed, _ahead),
        timing=Timing(),
        pull=60.0,
    ).run(_host, int(_port))
