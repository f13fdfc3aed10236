"""Read a baseline file and refuse one that cannot be true."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from otel_clinical.policy._baseline import ALL, BASELINE_KINDS, FIXED, SCHEMA, Baseline, Cell, CellKey, Spread
from otel_clinical.policy._baseline_features import parse_features
from otel_clinical.policy._baseline_labels import parse_labels
from otel_clinical.policy._problems import BaselineError

if TYPE_CHECKING:
    from pathlib import Path

_HISTOGRAM_KEYS = frozenset({"edges", "counts", "sums"})


__all__ = ["load_baseline", "parse_baseline"]


def load_baseline(path: Path) -> Baseline:
    """Read the baseline at `path`; raise `BaselineError` naming the file, the key and what was expected."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BaselineError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    except UnicodeDecodeError:
        raise BaselineError(f"{path}: is not UTF-8 text") from None
    try:
        return parse_baseline(text)
    except BaselineError as error:
        raise BaselineError(f"{path}: {error}") from None


def parse_baseline(text: str) -> Baseline:
    """Parse a baseline's JSON text."""
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise BaselineError(f"is not valid JSON: {error.msg} (line {error.lineno})") from None
    except RecursionError:
        raise BaselineError("is nested too deeply") from None
    if not isinstance(data, dict):
        raise BaselineError("is not a JSON object")
    if data.get("schema") != SCHEMA:
        raise BaselineError(f"schema is {data.get('schema')!r}, expected {SCHEMA}")
    version = data.get("version")
    if version is not None and not isinstance(version, str):
        raise BaselineError(f"version is {version!r}, expected text or null")
    return Baseline(
        model=_text(data, "model"),
        version=version,
        metric=_text(data, "metric"),
        created_at=_number(data, "created_at", 0.0),
        since=_number(data, "from", 0.0),
        until=_number(data, "to", 0.0),
        cells=_cells(data.get("cells")),
        confidence=_spread(data, "confidence"),
        quality=_spread(data, "quality"),
        reference=_reference(data.get("reference") or {}),
        features=parse_features(data.get("features") or {}),
        labels=parse_labels(data.get("labels")),
        kind=_kind(data.get("kind", FIXED)),
    )


def _kind(found: object) -> str:
    if found not in BASELINE_KINDS:
        raise BaselineError(f"kind is {found!r}, expected one of {', '.join(BASELINE_KINDS)}")
    return str(found)


def _no_constant(name: str) -> float:
    raise BaselineError(f"holds {name}, which is no number")


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise BaselineError(f"{key} is {value!r}, expected text")
    return value


def _number(data: dict[str, Any], key: str, default: float | None = None) -> float:
    value = data.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BaselineError(f"{key} is {value!r}, expected a number")
    return float(value)


def _cells(items: object) -> dict[CellKey, Cell]:
    if not isinstance(items, list) or not items:
        raise BaselineError("cells is empty, expected a list of {segment, value, stratum, n, sum}")
    cells: dict[CellKey, Cell] = {}
    for index, item in enumerate(items):
        try:
            key, cell = _cell(item)
        except BaselineError as error:
            raise BaselineError(f"cells[{index}].{error}") from None
        if key in cells:
            raise BaselineError(f"cells[{index}] repeats segment={key[0]} value={key[1]} stratum={key[2]}")
        cells[key] = cell
    if not any(key[:2] == (ALL, ALL) and cell.n for key, cell in cells.items()):
        raise BaselineError('cells hold no outcomes of the aggregate, segment "all" value "all"')
    return cells


def _cell(item: object) -> tuple[CellKey, Cell]:
    if not isinstance(item, dict):
        raise BaselineError("value is no object {segment, value, stratum, n, sum}")
    n = item.get("n")
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise BaselineError(f"n is {n!r}, expected a whole number from 0")
    total = _number(item, "sum")
    if not 0 <= total <= n + 1e-6:
        raise BaselineError(f"sum is {total:g}, expected 0 to n = {n}: scores lie in 0 to 1")
    return (_text(item, "segment"), _text(item, "value"), _text(item, "stratum")), Cell(n, total)


def _spread(data: dict[str, Any], key: str) -> Spread | None:
    item = data.get(key)
    if item is None:
        return None
    if not isinstance(item, dict):
        raise BaselineError(f"{key} is {item!r}, expected {{mean, sd}} or null")
    spread = Spread(_number(item, "mean"), _number(item, "sd"))
    if spread.sd < 0 or not 0 <= spread.mean <= 1:
        raise BaselineError(f"{key} has mean {spread.mean:g} and sd {spread.sd:g}, expected 0 to 1 and sd from 0")
    return spread


def _reference(item: object) -> dict[str, dict[str, list[float]]]:
    if not isinstance(item, dict):
        raise BaselineError("reference is no object of histograms")
    for name, histogram in item.items():
        if not isinstance(histogram, dict) or not set(histogram) <= _HISTOGRAM_KEYS:
            raise BaselineError(f"reference.{name} is no histogram of {{edges, counts, sums}}")
        for key, numbers in histogram.items():
            if not isinstance(numbers, list) or not all(_finite(number) for number in numbers):
                raise BaselineError(f"reference.{name}.{key} is no list of numbers")
        if len(histogram.get("edges", [])) != len(histogram.get("counts", [])) + 1:
            raise BaselineError(f"reference.{name} needs one edge more than counts")
    return item


def _finite(number: object) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
