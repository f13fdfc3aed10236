"""Small drawings as SVG text: lines, bands, marks and words, in colours that colour-blind people tell apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Okabe and Ito's palette.
BLUE, SKY, ORANGE, VERMILLION, PURPLE, GREEN = "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#CC79A7", "#009E73"
INK, MUTED, RULE = "#1a1a1a", "#5b6166", "#c9ced3"
WORDS = {
    BLUE: "#005a8c",
    SKY: "#2d6f9e",
    ORANGE: "#8a6100",
    VERMILLION: "#b34a00",
    PURPLE: "#8f3f6e",
    GREEN: "#00694e",
}
"""The same hues, dark enough to read as text on white."""
SHADE = "#eef1f4"
NIGHT = (
    *((INK, "#e8eaec"), (MUTED, "#a9b1b8"), (RULE, "#4a5158"), (SHADE, "#22282e"), ("white", "#14171a")),
    *((BLUE, "#56B4E9"), (WORDS[BLUE], "#7cc4f0"), (WORDS[SKY], "#9fd3f5"), (WORDS[ORANGE], "#f0b84a")),
    *((WORDS[VERMILLION], "#ff9a5c"), (WORDS[PURPLE], "#e7a3c7"), (WORDS[GREEN], "#4fd3ab")),
)
"""What each colour becomes on a dark page."""
TIER_COLOURS = {1: ORANGE, 2: VERMILLION, 3: PURPLE}
TIER_WORDS = {tier: WORDS[colour] for tier, colour in TIER_COLOURS.items()}

_LINE = 11.0
"""Pixels between two lines of words."""

Point = tuple[float, float]


def _apart(rows: Sequence[float], least: float) -> list[float]:
    """Move rising `rows` apart to a distance of `least`, as a group stays where its middle was.

    >>> _apart([10.0, 12.0, 50.0], 11.0)
    [5.5, 16.5, 50.0]
    """
    groups: list[tuple[float, int]] = []  # middle and size
    for row in rows:
        middle, size = row, 1
        while groups and middle - groups[-1][0] < least * (size + groups[-1][1]) / 2:
            before, n = groups.pop()
            middle, size = (middle * size + before * n) / (size + n), size + n
        groups.append((middle, size))
    return [middle + least * (i - (size - 1) / 2) for middle, size in groups for i in range(size)]


@dataclass(frozen=True)
class Frame:
    """A drawing area: pixels, margins, and the range of values on both axes."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = 400
    height: int = 186
    left: int = 34
    right: int = 62
    top: int = 22
    bottom: int = 36

    def px(self, x: float) -> float:
        """Return the pixel column of a value, clamped to the frame."""
        share = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1.0)
        return round(self.left + min(max(share, 0.0), 1.0) * (self.width - self.left - self.right), 1)

    def py(self, y: float) -> float:
        """Return the pixel row of a value, clamped to the frame."""
        share = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1.0)
        return round(self.height - self.bottom - min(max(share, 0.0), 1.0) * (self.height - self.top - self.bottom), 1)


@dataclass
class Drawing:
    """Collect SVG elements inside a frame; later ones lie on top."""

    frame: Frame
    title: str
    parts: list[str] = field(default_factory=list)

    def line(self, points: Sequence[Point], colour: str, width: float = 1.8, dash: str = "") -> None:
        """Draw a line through points in axis values."""
        if len(points) > 1:
            path = " ".join(f"{self.frame.px(x)},{self.frame.py(y)}" for x, y in points)
            style = f' stroke-dasharray="{dash}"' if dash else ""
            self.parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{style}/>'
            )

    def band(self, points: Sequence[tuple[float, float, float]], colour: str) -> None:
        """Fill between lower and upper values along x."""
        if len(points) > 1:
            up = [f"{self.frame.px(x)},{self.frame.py(high)}" for x, _, high in points]
            down = [f"{self.frame.px(x)},{self.frame.py(low)}" for x, low, _ in reversed(points)]
            self.parts.append(f'<polygon points="{" ".join(up + down)}" fill="{colour}" fill-opacity="0.25"/>')

    def span(self, start: float, end: float, label: str = "") -> None:
        """Shade a range of x, and name it if there is a name."""
        left, right = self.frame.px(start), self.frame.px(end)
        height = self.frame.height - self.frame.top - self.frame.bottom
        self.parts.append(
            f'<rect x="{left}" y="{self.frame.top}" width="{right - left:.1f}" height="{height}" fill="{SHADE}"/>'
        )
        if label:
            self.text(left + 3, self.frame.height - self.frame.bottom - 4, label, MUTED)

    def level(self, y: float, colour: str, *, dash: str = "4 3", width: float = 1.0) -> None:
        """Draw a horizontal line."""
        self.line([(self.frame.x[0], y), (self.frame.x[1], y)], colour, width, dash)

    def names(self, labels: Sequence[tuple[float, str, str]]) -> None:
        """Write (value, words, colour) at the right edge, each at its height or as near as the others leave room."""
        wanted = sorted((self.frame.py(y) + 3, words, colour) for y, words, colour in labels)
        for (_, words, colour), row in zip(wanted, _apart([row for row, _, _ in wanted], _LINE), strict=True):
            self.text(self.frame.width - self.frame.right + 4, row, words, colour)

    def tick(self, y: float, colour: str) -> None:
        """Mark a value at the left edge."""
        left, row = self.frame.left, self.frame.py(y)
        self.parts.append(
            f'<polygon points="{left},{row - 4} {left + 7},{row} {left},{row + 4}" fill="{colour}" fill-opacity="0.8"/>'
        )

    def dot(self, x: float, y: float, colour: str, *, hollow: bool = False) -> None:
        """Draw a point, full or as a ring."""
        fill = "none" if hollow else colour
        place = f'cx="{self.frame.px(x)}" cy="{self.frame.py(y)}"'
        self.parts.append(f'<circle {place} r="3.2" fill="{fill}" stroke="{colour}" stroke-width="1.5"/>')

    def upright(self, x: float, y: float, words: str, colour: str) -> None:
        """Write words from below to above, in the middle of `y`."""
        self.parts.append(
            f'<text transform="rotate(-90 {x} {y})" x="{x}" y="{y}" fill="{colour}" font-size="10" '
            f'text-anchor="middle">{escape(words)}</text>'
        )

    def moment(self, x: float, label: str, colour: str) -> None:
        """Draw a vertical line and name it at the top."""
        column = self.frame.px(x)
        top, bottom = self.frame.top, self.frame.height - self.frame.bottom
        self.parts.append(
            f'<line x1="{column}" y1="{top}" x2="{column}" y2="{bottom}" stroke="{colour}" stroke-dasharray="2 2"/>'
        )
        room = 3 * len(label)
        column = min(max(column, self.frame.left + room), self.frame.width - room)
        self.text(column, top - 5, label, colour, anchor="middle")

    def note(self, words: str) -> None:
        """Write words in the middle of the frame, just above its lower edge."""
        frame = self.frame
        middle = frame.left + (frame.width - frame.left - frame.right) / 2
        self.text(middle, frame.height - frame.bottom - 18, words, MUTED, anchor="middle", size=11)

    def mark(self, x: float, y: float, tier: int, tip: str) -> None:
        """Mark a tier: shape, colour and words all say which. Words of the tiers stand on different lines."""
        cx, cy, colour = self.frame.px(x), self.frame.py(y), TIER_COLOURS[tier]
        shape = {
            1: f'<circle cx="{cx}" cy="{cy}" r="5"',
            2: f'<rect x="{cx - 4.5}" y="{cy - 4.5}" width="9" height="9"',
            3: f'<polygon points="{cx},{cy - 6.5} {cx + 6},{cy + 4.5} {cx - 6},{cy + 4.5}"',
        }[tier]
        self.parts.append(
            f'{shape} fill="{colour}" stroke="white"><title>{escape(tip)}</title></{shape[1:].split()[0]}>'
        )
        self.text(cx, cy - 9 - 10 * (tier - 1), f"T{tier}", INK, anchor="middle", size=10, weight="bold")

    def axis_y(self, ticks: Sequence[float], form: str = "{:.2f}") -> None:
        """Write the values of the y axis."""
        for tick in ticks:
            self.text(self.frame.left - 5, self.frame.py(tick) + 3, form.format(tick), MUTED, anchor="end")

    def axis_x(self, ticks: Sequence[tuple[float, str, str]]) -> None:
        """Write two lines of words below the x axis at each tick."""
        base = self.frame.height - self.frame.bottom
        edge = f'x1="{self.frame.left}" x2="{self.frame.width - self.frame.right}"'
        self.parts.append(f'<line {edge} y1="{base}" y2="{base}" stroke="{RULE}"/>')
        for x, upper, lower in ticks:
            column = self.frame.px(x)
            self.parts.append(f'<line x1="{column}" x2="{column}" y1="{base}" y2="{base + 4}" stroke="{RULE}"/>')
            self.text(column, base + 14, upper, MUTED, anchor="middle")
            self.text(column, base + 25, lower, MUTED, anchor="middle")

    def text(
        self, x: float, y: float, words: str, colour: str, *, anchor: str = "start", size: int = 10, weight: str = ""
    ) -> None:
        """Write words at a pixel position."""
        bold = f' font-weight="{weight}" stroke="white" stroke-width="3" paint-order="stroke"' if weight else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" text-anchor="{anchor}"{bold}>'
            f"{escape(words)}</text>"
        )

    def svg(self) -> str:
        """Return the drawing."""
        size = f'viewBox="0 0 {self.frame.width} {self.frame.height}"'
        label = escape(self.title, quote=True)
        return f'<svg {size} role="img" aria-label="{label}">{"".join(self.parts)}</svg>'
