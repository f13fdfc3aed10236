"""What every part of the policy has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the policy: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")
