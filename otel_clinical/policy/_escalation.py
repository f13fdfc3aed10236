"""The part of the policy that says whom to call, and after how long, while nobody acknowledges an incident."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from otel_clinical.policy._quantities import mistake
from otel_clinical.policy._section import PositiveDuration, Section

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = r"([01]\d|2[0-3]):[0-5]\d"
_TIME_ALLOWED = "a time of day such as 08:00, in quotation marks"


def _time(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(_TIME, value):
        raise mistake(f"{value!r} is not a time of day", _TIME_ALLOWED)
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise mistake(f"{value} is no time zone", "a name such as America/Chicago, Europe/Berlin or UTC") from None
    return value


TimeOfDay = Annotated[str, BeforeValidator(_time), WithJsonSchema({"type": "string", "pattern": f"^{_TIME}$"})]


class WorkingHours(Section):
    """When people of the first tiers are at work."""

    days: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(min_length=1)] = Field(
        default=("mon", "tue", "wed", "thu", "fri"), description="Days of the week."
    )
    begin: TimeOfDay = Field(description="When they come, in the time zone.")
    end: TimeOfDay = Field(description="When they go, the same day.")
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(description="Name of the zone, such as America/Chicago.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.begin:
            raise mistake(f"working hours end at {self.end} and begin at {self.begin}", "an end later the same day")
        return self


class Lines(Section):
    """After how long, without an acknowledgement, the next in line is called."""

    second_line: PositiveDuration = Field(description="Time until the second line is called.")
    safety_officer: PositiveDuration = Field(description="Time until the safety officer is called; not before that.")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.safety_officer < self.second_line:
            raise mistake(
                "the safety officer is called before the second line", "safety_officer at or after second_line"
            )
        return self


AnyLines = TypeVar("AnyLines", bound=Lines)


class ReviewLines(Lines):
    """The same for a review, which may wait for working hours."""

    in_working_hours: bool = Field(default=False, strict=True, description="Call and count in working hours only.")


def _lines(kind: type[AnyLines], second_line: str, safety_officer: str) -> AnyLines:
    return kind.model_validate({"second_line": second_line, "safety_officer": safety_officer})


class Escalation(Section):
    """Whom to call while nobody acknowledges. Tier 3 never waits."""

    working_hours: WorkingHours | None = Field(default=None, description="Needed where a tier waits for them.")
    engineering_review: ReviewLines = Field(default=_lines(ReviewLines, "4h", "1d"), description="Tier 1.")
    governance_review: ReviewLines = Field(default=_lines(ReviewLines, "1h", "4h"), description="Tier 2.")
    rollback: Lines = Field(default=_lines(Lines, "15m", "30m"), description="Tier 3, at any hour.")

    @model_validator(mode="after")
    def _hours_are_known(self) -> Self:
        waiting = self.engineering_review.in_working_hours or self.governance_review.in_working_hours
        if waiting and self.working_hours is None:
            raise mistake("a tier waits for working hours that nobody has written down", "working_hours beside it")
        return self
