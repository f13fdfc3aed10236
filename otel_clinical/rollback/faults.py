"""Die on purpose at a named moment, so that tests can prove what survives."""

from __future__ import annotations

import os
import signal
from typing import Final

VARIABLE: Final = "OTEL_CLINICAL_FAULT"


def reach(point: str) -> None:
    """End the process without any clean-up if the environment asks for it at this point."""
    if os.environ.get(VARIABLE) == point:
        os.kill(os.getpid(), signal.SIGKILL)
