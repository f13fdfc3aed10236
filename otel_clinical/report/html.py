"""Render a report as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

if TYPE_CHECKING:
    from jinja2 import Template

    from otel_clinical.report.incident import IncidentReport


def render_html(report: IncidentReport, *, drawing: str = "") -> str:
    """Return the page; every value is escaped.

    Args:
        report: What it says.
        drawing: An SVG of the evidence, made by us, which is put in as it is.
    """
    return _template().render(report=report, drawing=Markup(drawing))  # noqa: S704 -- our own drawing, escaped when made


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("otel_clinical.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("incident.html.j2")
