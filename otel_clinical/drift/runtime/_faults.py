"""Fault points: places where a test asks the process to die without warning.

``OTEL_CLINICAL_FAULT=after_journal`` kills the process with SIGKILL the first time it passes that point;
``OTEL_CLINICAL_FAULT=after_journal:7`` at the seventh passage. Unset, a point costs one comparison.
"""

import os
import signal
from collections.abc import Mapping
from enum import StrEnum

ENVIRONMENT_VARIABLE = "OTEL_CLINICAL_FAULT"


class FaultPoint(StrEnum):
    """Where the pipeline can be cut, in the order an event passes."""

    MID_JOURNAL = "mid_journal"
    AFTER_JOURNAL = "after_journal"
    BEFORE_ACK = "before_ack"
    AFTER_APPLY = "after_apply"
    BEFORE_CHECKPOINT = "before_checkpoint"
    MID_CHECKPOINT = "mid_checkpoint"
    AFTER_CHECKPOINT = "after_checkpoint"
    MID_REPLAY = "mid_replay"


class Faults:
    """Count passages of one armed point and kill this process at the chosen one.

    Args:
        environ: Where to read the setting from; a value that names no point raises ``ValueError``, because a
            fault test that silently tests nothing is worse than none.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        setting = environ.get(ENVIRONMENT_VARIABLE, "")
        name, _, passage = setting.partition(":")
        self._point = FaultPoint(name) if name else None
        self._remaining = int(passage or 1)

    def passing(self, point: FaultPoint) -> None:
        """Die here if this is the armed point and the chosen passage."""
        if point is not self._point:
            return
        self._remaining -= 1
        if self._remaining == 0:
            os.kill(os.getpid(), signal.SIGKILL)
