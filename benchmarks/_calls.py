"""The calls that are measured: decorated in full, decorated with the least, and what a stock span is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_clinical import QualityProfile, declare_segments, inference

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical import Telemetry

RECORD: Final[dict[str, object]] = {
    "payer_code": "medicaid",
    "site": "h01",
    "dept": "cardiology",
    "ehr": "epic",
    "age": 40,
}
ATTRIBUTES: Final = {f"app.attribute.{index}": (f"value-{index}" if index % 2 else index / 7) for index in range(20)}
PROFILE: Final = QualityProfile(
    required=("payer_code", "dept", "age"), ranges={"age": (0, 120)}, fallback_below=0.7, refuse_below=0.4
)

_SEGMENTS: Final = {"payer": "payer_code", "site": "site", "department": "dept", "source_system": "ehr"}
_DECLARED: Final = {"payer": ["medicaid"], "site": ["h01"], "department": ["cardiology"], "source_system": ["epic"]}


def answer(record: dict[str, Any]) -> dict[str, object]:
    """Stand in for a model."""
    return {"probability": 0.9, "code": record["age"]}


def full_call(telemetry: Telemetry) -> Callable[[], object]:
    """Return a call with span, metrics, input quality, confidence and four segments."""
    declare_segments(_DECLARED, telemetry=telemetry)
    function = inference(
        model="coding",
        version="7",
        segments=_SEGMENTS,
        confidence="probability",
        quality=PROFILE,
        telemetry=telemetry,
    )(answer)
    return lambda: function(RECORD)


def plain_call(telemetry: Telemetry) -> Callable[[], object]:
    """Return a call decorated with model and version only."""
    function = inference(model="coding", version="7", telemetry=telemetry)(answer)
    return lambda: function(RECORD)
