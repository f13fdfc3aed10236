"""Build Grafana panels in the classic JSON form, with one palette and words beside every colour."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS: Final = 24


class Colour(StrEnum):
    """The palette of Okabe and Ito, told apart by people who see colours differently."""

    GREEN = "#009E73"
    YELLOW = "#F0E442"
    ORANGE = "#E69F00"
    VERMILLION = "#D55E00"
    BLUE = "#0072B2"
    SKY = "#56B4E9"
    PURPLE = "#CC79A7"
    GREY = "#999999"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL query of a panel; `instant` asks for the last value only."""

    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """What is shown for a number: the word, and its colour."""

    text: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel before it has a place.

    Attributes:
        kind: Grafana's panel type.
        title: What is shown.
        about: One sentence on what it means; `action` says what to do about it.
        queries: In order; the first is A.
        unit: Grafana's unit, such as `percentunit`.
        width: Columns of 24.
        height: Grid rows.
        words: Words for numbers.
        steps: Colour from each value on; the first must be for everything below.
        maximum: Upper end of the scale.
        minimum: Lower end of the scale.
        options: Further options of the panel type.
        custom: Options of how a field is drawn.
        overrides: Exceptions for single fields.
        transformations: What Grafana does to the result before it is drawn.
    """

    kind: str
    title: str
    about: str
    action: str
    queries: tuple[Query, ...]
    unit: str
    width: int
    height: int
    words: Mapping[int, Word] = field(default_factory=dict)
    steps: tuple[tuple[float | None, Colour], ...] = ((None, Colour.BLUE),)
    minimum: float | None = None
    maximum: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    overrides: tuple[Mapping[str, Any], ...] = ()
    transformations: tuple[Mapping[str, Any], ...] = ()


def panel_json(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    """Return `panel` as Grafana reads it, at column `x` and row `y`."""
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": f"{panel.about} → {panel.action}",
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "targets": [_target(query, index, panel.kind) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": [dict(one) for one in panel.overrides]},
        "options": dict(panel.options),
        "transformations": [dict(one) for one in panel.transformations],
    }


def _target(query: Query, index: int, kind: str) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + index),
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": query.instant,
        "range": not query.instant,
        "format": "table" if kind == "table" else "time_series",
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "color": {"mode": "thresholds" if panel.kind != "timeseries" else "palette-classic"},
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": value, "color": colour.value} for value, colour in panel.steps],
        },
        "mappings": _mappings(panel.words),
        "custom": dict(panel.custom),
    }
    limits = {"min": panel.minimum, "max": panel.maximum}
    return {**defaults, **{key: value for key, value in limits.items() if value is not None}}


def _mappings(words: Mapping[int, Word]) -> list[dict[str, Any]]:
    if not words:
        return []
    options = {
        str(value): {"index": index, "text": word.text, "color": word.colour.value}
        for index, (value, word) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}]


def coloured(pattern: str, colour: Colour, *, dashed: bool = False) -> dict[str, Any]:
    """Return the override that draws series whose name matches `pattern` in one colour."""
    properties: list[dict[str, Any]] = [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour.value}}]
    if dashed:
        properties.append({"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [10, 10]}})
    return {"matcher": {"id": "byRegexp", "options": pattern}, "properties": properties}


def laid_out(rows: tuple[tuple[Panel, ...], ...]) -> list[dict[str, Any]]:
    """Return the panels of `rows` side by side, row under row, numbered from 1.

    Raises:
        ValueError: A row is wider than the grid.
    """
    placed: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        width = sum(panel.width for panel in row)
        if width > COLUMNS:
            raise ValueError(f"row of {row[0].title!r} is {width} columns wide, at most {COLUMNS} fit")
        x = 0
        for panel in row:
            placed.append(panel_json(panel, len(placed) + 1, x, y))
            x += panel.width
        y += max(panel.height for panel in row)
    return placed
