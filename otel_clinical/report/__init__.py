"""Tell people what happened: one report per incident, complete in one file."""

from otel_clinical.report.evidence import Fact
from otel_clinical.report.exposure import Exposure
from otel_clinical.report.html import render_html
from otel_clinical.report.incident import Action, Guard, IncidentReport, incident_report
from otel_clinical.report.people import Person
from otel_clinical.report.text import render_json, render_markdown

__all__ = [
    "Action",
    "Exposure",
    "Fact",
    "Guard",
    "IncidentReport",
    "Person",
    "incident_report",
    "render_html",
    "render_json",
    "render_markdown",
]
