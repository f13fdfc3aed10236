"""Offer the fixture `clinical_telemetry` to pytest.

pytest loads this module in every run of whoever has the package installed: it imports nothing but pytest, and what the
fixture needs is imported when a test asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.testing import Capture


@pytest.fixture
def clinical_telemetry() -> Iterator[Capture]:
    """Capture what decorated code reports during a test; see `otel_clinical.testing.capture`."""
    from otel_clinical.testing import capture  # noqa: PLC0415 -- most tests of most projects never need it

    with capture() as found:
        yield found
