"""Lay out the evidence plot: the drop below the baseline over time, the tiers, the change point, what was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from otel_clinical.rollback.page._moments import Moments

WIDTH: Final = 480
HEIGHT: Final = 310
"""Narrow, so that its words can be read on a phone."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 14, 104, 50, 44
_TICKS: Final = 3
_LEAST: Final = 0.02
_GAP: Final = 3.5
"""Steps without a point after which the line is broken rather than drawn across what nobody saw."""


@dataclass(frozen=True, slots=True)
class Point:
    """The drop at one moment, with its bounds where they are known."""

    at: float
    drop: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment to show as an upright line, with a word."""

    at: float
    word: str
    kind: str


@dataclass(frozen=True, slots=True)
class Line:
    """A level to show as a line across: baseline or tier; `x`, `y` in the drawing's units."""

    y: float
    word: str
    kind: str


@dataclass(frozen=True, slots=True)
class Upright:
    """A mark, placed: `anchor` keeps its word inside, `row` keeps words of neighbours apart."""

    x: float
    word: str
    kind: str
    anchor: str
    text_y: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A time below the drawing; `day` is its date where that is another than the one before."""

    x: float
    anchor: str
    time: str
    day: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything to draw, in the drawing's units, and the same in words."""

    paths: tuple[str, ...]
    bands: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    lines: tuple[Line, ...]
    uprights: tuple[Upright, ...]
    ticks: tuple[Tick, ...]
    words: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


def layout(
    points: Sequence[Point],
    tiers: Sequence[tuple[str, float]],
    marks: Sequence[Mark],
    step: float,
    moments: Moments,
    *,
    baseline: float | None = None,
) -> Plot:
    """Return the drawing of at least one point.

    Args:
        points: In order of time.
        tiers: Name and drop of each tier.
        marks: Moments to show.
        step: Seconds between two points of an unbroken line.
        moments: How times are said.
        baseline: Level of performance from which the drop is counted, where it is known.
    """
    times = [point.at for point in points] + [mark.at for mark in marks]
    start, end = min(times), max(*times, min(times) + 60.0)
    worst = max([point.high or point.drop for point in points] + [drop for _, drop in tiers] + [_LEAST])
    best = min(0.0, *(point.drop if point.low is None else point.low for point in points))
    top = best - 0.05 * (worst - best)
    scale = _Scale(start, end, max(top, -worst), worst * 1.08)
    parts = list(_runs(points, _GAP * step))
    return Plot(
        paths=tuple(_path((scale.x(p.at), scale.y(p.drop)) for p in part) for part in parts if len(part) > 1),
        bands=tuple(filter(None, (_band(scale, part) for part in parts))),
        dots=tuple((scale.x(part[0].at), scale.y(part[0].drop)) for part in parts if len(part) == 1),
        lines=tuple(_lines(scale, tiers, baseline)),
        uprights=tuple(_uprights(scale, marks)),
        ticks=tuple(_ticks(scale, moments)),
        words=_words(points, tiers, marks, moments),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    start: float
    end: float
    high: float
    low: float

    def x(self, at: float) -> float:
        return round(_LEFT + (at - self.start) / (self.end - self.start) * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, drop: float) -> float:
        """Place a drop: the further down, the worse."""
        inside = min(max(drop, self.high), self.low)
        return round(_TOP + (inside - self.high) / (self.low - self.high) * (HEIGHT - _TOP - _BOTTOM), 1)


def _runs(points: Sequence[Point], gap: float) -> Iterator[list[Point]]:
    part: list[Point] = []
    for point in points:
        if part and point.at - part[-1].at > gap:
            yield part
            part = []
        part.append(point)
    if part:
        yield part


def _path(corners: Iterator[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:g} {y:g}" for x, y in corners)


def _band(scale: _Scale, part: Sequence[Point]) -> str:
    """Return the outline of the bounds, or an empty string where they are not known."""
    known = [(p.at, p.low, p.high) for p in part if p.low is not None and p.high is not None]
    if len(known) < 2:  # noqa: PLR2004 -- an area has two ends
        return ""
    there = [(scale.x(at), scale.y(high)) for at, _, high in known]
    back = [(scale.x(at), scale.y(low)) for at, low, _ in reversed(known)]
    return _path(iter([*there, *back])) + " Z"


def _lines(scale: _Scale, tiers: Sequence[tuple[str, float]], baseline: float | None) -> Iterator[Line]:
    level = "" if baseline is None else f" {100 * baseline:.3g} %"
    yield Line(scale.y(0.0), f"baseline{level}", "baseline")
    for number, (name, drop) in enumerate(tiers, start=1):
        yield Line(scale.y(drop), f"{name}: {100 * drop:.3g} %", f"tier{number}")


def _uprights(scale: _Scale, marks: Sequence[Mark]) -> Iterator[Upright]:
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    for row, mark in enumerate(sorted(marks, key=lambda mark: mark.at)):
        x = scale.x(mark.at)
        yield Upright(x, mark.word, mark.kind, "start" if x < middle else "end", 13.0 + 14.0 * (row % 3))


def _ticks(scale: _Scale, moments: Moments) -> Iterator[Tick]:
    """Yield the times below the drawing; the outer ones stay inside, and a date is said once."""
    said = ""
    for number in range(_TICKS + 1):
        at = scale.start + number * (scale.end - scale.start) / _TICKS
        anchor = {0: "start", _TICKS: "end"}.get(number, "middle")
        day, time = moments.day_and_time(at)
        yield Tick(scale.x(at), anchor, time, "" if day == said else day)
        said = day


def _words(points: Sequence[Point], tiers: Sequence[tuple[str, float]], marks: Sequence[Mark], moments: Moments) -> str:
    """Say what the drawing shows, for those who do not see it."""
    last = points[-1]
    parts = [f"Drop below the baseline: {last.drop:.1%} at {moments.full(last.at)}"]
    if last.low is not None and last.high is not None:
        parts.append(f"at 95 % between {last.low:.1%} and {last.high:.1%}")
    reached = [name for name, drop in tiers if last.drop >= drop]
    parts.append(f"beyond the line of {reached[-1]}" if reached else "short of every tier's line")
    parts += [f"{mark.word} at {moments.full(mark.at)}" for mark in sorted(marks, key=lambda mark: mark.at)]
    return "; ".join(parts) + "."
