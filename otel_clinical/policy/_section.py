"""What every part of the policy has in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from otel_clinical.policy._quantities import Duration
from otel_clinical.semconv.enums import RoutingLevel

Tolerated = Literal[RoutingLevel.ASSISTED, RoutingLevel.MANUAL]
Positive = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]
PositiveDuration = Annotated[Duration, Field(gt=0)]


class Section(BaseModel):
    """A part of the policy: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")
