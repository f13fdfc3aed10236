"""Write the page and the JSON file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from otel_clinical.backtest._course_panels import course_panels, reliability
from otel_clinical.backtest._panels import panels
from otel_clinical.backtest._run import as_json
from otel_clinical.backtest._svg import GREEN, NIGHT, TIER_COLOURS
from otel_clinical.policy import duration_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from otel_clinical.backtest._measured import Measured
    from otel_clinical.backtest._run import Backtest


def write_report(test: Backtest, out: Path, measured: Sequence[Measured] = ()) -> tuple[Path, Path]:
    """Write `report.html` and `backtest.json` into `out`, which is made if needed; return both paths."""
    out.mkdir(parents=True, exist_ok=True)
    page, data = out / "report.html", out / "backtest.json"
    content = as_json(test, measured)
    data.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    page.write_text(render_page(test, content, measured), encoding="utf-8")
    return page, data


def render_page(test: Backtest, content: dict[str, Any], measured: Sequence[Measured] = ()) -> str:
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
        measured=measured,
        night=NIGHT,
        courses=course_panels(test),
        reliability=reliability(test),
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
