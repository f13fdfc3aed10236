"""Views may shape what other libraries measure, never what our rules and dashboards read."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING

from otel_clinical.sdk._settings import ConfigurationError
from otel_clinical.semconv import SCOPE_NAME, metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.sdk.metrics.view import View

_OURS = tuple(one.name for one in metrics.ALL)


def refuse_views_of_ours(views: Iterable[View]) -> None:
    """Make sure that no view can reach an instrument of the registry.

    Raises:
        ConfigurationError: one can, by a name or a pattern, or because it names neither instrument nor meter.
    """
    for view in views:
        # The SDK keeps what a view selects in private fields only.
        meter, pattern = view._meter_name, view._instrument_name or "*"  # noqa: SLF001
        if meter not in (None, SCOPE_NAME):
            continue
        if any(fnmatch(name, pattern) for name in _OURS):
            raise ConfigurationError(
                f"a view of instrument_name={view._instrument_name!r}, meter_name={meter!r} reaches our instruments, "  # noqa: SLF001
                "which rules and dashboards read as they are: name the meter or the instruments of the other library"
            )
