"""Write the page and the JSON file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from otel_clinical.backtest._calibration import calibrate
from otel_clinical.backtest._panels import calibration_svg, panels
from otel_clinical.backtest._run import as_json
from otel_clinical.backtest._svg import GREEN, TIER_COLOURS
from otel_clinical.policy import duration_text

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.backtest._calibration import Calibration
    from otel_clinical.backtest._run import Backtest


def write_report(test: Backtest, out: Path) -> tuple[Path, Path]:
    """Write `report.html` and `backtest.json` into `out`, which is made if needed; return both paths."""
    out.mkdir(parents=True, exist_ok=True)
    page, data = out / "report.html", out / "backtest.json"
    content = as_json(test)
    data.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    page.write_text(render_page(test, content), encoding="utf-8")
    return page, data


def render_page(test: Backtest, content: dict[str, Any]) -> str:
    """Return the page: one file, no script, nothing from the network."""
    environment = Environment(
        loader=PackageLoader("otel_clinical.backtest", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["thousands"] = lambda number: f"{number:,}"
    return environment.get_template("report.html.j2").render(
        **content,
        name=test.name,
        metric=test.model.metric.name,
        drop_kind=test.model.metric.drop,
        maturity=duration_text(test.model.labels.maturity),
        window=duration_text(test.policy.drift.window),
        verdict=_verdict(test),
        panels=panels(test),
        calibration_svg=_calibration(test),
    )


def _verdict(test: Backtest) -> dict[str, str]:
    severest = max((fire.tier for fire in test.fires), default=0)
    names = {1: "engineering review", 2: "governance review", 3: "rollback"}
    if not severest:
        return {"head": "No tier would have fired.", "text": "", "colour": GREEN}
    segments = list(dict.fromkeys(fire.segment for fire in test.fires_of(severest)))
    counts = "; ".join(f"tier {tier}: {len(test.fires_of(tier))} segment values" for tier in (1, 2, 3))
    return {
        "head": f"Tier {severest} ({names[severest]}) would have fired for {', '.join(segments)}.",
        "text": f"First fires by tier: {counts}.",
        "colour": TIER_COLOURS[severest],
    }


def _calibration(test: Backtest) -> str:
    inside = [encounter for encounter in test.encounters if test.used.holds(encounter)]
    outside = [encounter for encounter in test.encounters if not test.used.holds(encounter)]
    groups = _named("baseline rows", calibrate(inside)) + _named("other rows", calibrate(outside))
    return calibration_svg(groups)


def _named(name: str, groups: list[Calibration]) -> list[tuple[str, Calibration]]:
    return [(f"{name} (error {groups[0].error:.3f})", groups[0])] if groups else []
