"""Drawings of the inputs over time, and of what the confidence was worth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Final

from otel_clinical.backtest._calibration import calibrate
from otel_clinical.backtest._courses import courses
from otel_clinical.backtest._panels import shade, x_ticks
from otel_clinical.backtest._svg import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    WORDS,
    Drawing,
    Frame,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_clinical.backtest._calibration import Calibration
    from otel_clinical.backtest._courses import Course
    from otel_clinical.backtest._run import Backtest

_COLOURS: Final = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
_DASHES: Final = ("", "6 2", "2 2", "8 2 2 2", "4 4", "1 3")
_LONGEST: Final = 17
"""Letters of a name at the edge."""
_FEWEST: Final = 30
"""Answers of a point in the calibration."""


@dataclass(frozen=True)
class CoursePanel:
    """One feature or segment: its name, what became of it in words, and its drawing."""

    name: str
    kind: str
    verdict: str
    svg: str


def course_panels(test: Backtest) -> list[CoursePanel]:
    """Return one panel per mapped feature and segment."""
    return [_panel(test, course) for course in courses(test)]


def _panel(test: Backtest, course: Course) -> CoursePanel:
    proved = "no change proved"
    if course.proved is not None:
        proved = f"change first proved at row {test.timeline.row_of(course.proved):,}"
    left = f"; {course.left_out} that moved less left out" if course.left_out else ""
    return CoursePanel(course.name, course.kind, f"{proved}{left}", _draw(test, course))


def _draw(test: Backtest, course: Course) -> str:
    start, end = test.encounters[0].time, test.encounters[-1].time
    highest = max((share for one in course.shares for _, share in one.points), default=0.0)
    top = max(min(highest * 1.1, 1.0), 0.05)
    drawing = Drawing(Frame((start, end), (0.0, top), right=128), f"{course.name}: shares over time")
    shade(test, drawing)
    names = []
    for one, colour, dash in zip(course.shares, cycle(_COLOURS), cycle(_DASHES), strict=False):
        drawing.line(one.points, colour, 2.0, dash)
        if one.baseline is not None:
            drawing.tick(one.baseline, colour)
        if one.points:
            last = one.points[-1][1]
            short = one.name if len(one.name) <= _LONGEST else f"{one.name[: _LONGEST - 1]}…"
            names.append((last, f"{short} {last:.0%}", WORDS[colour]))
    drawing.names(names)
    if course.proved is not None:
        drawing.moment(course.proved, "proved", INK)
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.25) if top / step <= 5 or step == 0.25)  # noqa: PLR2004
    drawing.axis_y([i * step for i in range(int(top / step) + 1)], "{:.0%}")
    drawing.axis_x(x_ticks(test, drawing.frame, 3))
    return drawing.svg()


def reliability(test: Backtest) -> str:
    """Draw said against right for the baseline's rows and for the others."""
    inside = [encounter for encounter in test.encounters if test.used.holds(encounter)]
    outside = [encounter for encounter in test.encounters if not test.used.holds(encounter)]
    groups = _named("baseline rows", calibrate(inside)) + _named("other rows", calibrate(outside))
    return _reliability(groups)


def _named(name: str, groups: list[Calibration]) -> list[tuple[str, Calibration]]:
    return [(f"{name} (error {groups[0].error:.3f}, {groups[0].n:,} answers)", groups[0])] if groups else []


def _reliability(groups: Sequence[tuple[str, Calibration]]) -> str:
    frame = Frame((0.4, 1.0), (0.4, 1.0), width=360, height=330, left=46, right=14, top=14, bottom=44)
    drawing = Drawing(frame, "calibration: share of right answers by stated confidence")
    drawing.line([(0.4, 0.4), (1.0, 1.0)], MUTED, 1.0, "4 3")
    drawing.text(frame.px(0.93), frame.py(0.895), "as stated", MUTED, anchor="middle")
    for place, (label, group) in enumerate(groups):
        colour, dash = ((BLUE, ""), (VERMILLION, "6 3"))[place]
        points = [(one.said, one.right) for one in group.bins if one.n >= _FEWEST]
        drawing.line(points, colour, 2.0, dash)
        for said, right in points:
            drawing.dot(said, right, colour, hollow=bool(dash))
        drawing.text(frame.left + 8, frame.top + 14 + 15 * place, f"{'○' if dash else '●'} {label}", WORDS[colour])
    ticks = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    drawing.axis_y(ticks, "{:.0%}")
    drawing.axis_x([(tick, f"{tick:.0%}", "") for tick in ticks])
    drawing.text(frame.px(0.7), frame.height - 8, "confidence that the model stated", MUTED, anchor="middle")
    drawing.upright(11, frame.height / 2, "answers that were right", MUTED)
    return drawing.svg()
