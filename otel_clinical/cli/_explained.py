"""Turn what a person can do something about into one sentence, for the commands of the controller."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from otel_clinical.cli._errors import CliError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a person can do something about into one sentence."""
    from otel_clinical.access import AccessError
    from otel_clinical.policy import BaselineError
    from otel_clinical.release import EpochConflict, PointerError, PointerLocked
    from otel_clinical.rollback import (
        ActivationRefusedError,
        AlreadyRunningError,
        AuditBrokenError,
        OrderRefusedError,
        StateTooNewError,
        StateUnreadableError,
    )

    try:
        yield
    except (
        AccessError,
        ActivationRefusedError,
        AlreadyRunningError,
        AuditBrokenError,
        BaselineError,
        EpochConflict,
        FileNotFoundError,
        OrderRefusedError,
        PointerError,
        PointerLocked,
        StateTooNewError,
        StateUnreadableError,
    ) as error:
        raise CliError(str(error)) from error


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name."""
    from zoneinfo import ZoneInfo

    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise CliError(f"--time-zone {name}: no such zone here; name one such as Europe/Berlin or UTC") from None
