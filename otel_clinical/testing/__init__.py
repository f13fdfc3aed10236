"""Test code that uses the decorators: capture what it reports, and hold it against the registry.

    from otel_clinical.testing import assert_conforms, assert_no_phi, capture

pytest offers the same as the fixture `clinical_telemetry`, without any import.
"""

from otel_clinical.testing._capture import Capture, capture
from otel_clinical.testing._clock import Clock
from otel_clinical.testing._conform import assert_conforms
from otel_clinical.testing._phi import assert_no_phi

__all__ = ["Capture", "Clock", "assert_conforms", "assert_no_phi", "capture"]
