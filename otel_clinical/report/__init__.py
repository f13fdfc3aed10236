"""Tell people what happened: one page per incident, complete in one file."""

from otel_clinical.report.html import render_html
from otel_clinical.report.incident import Action, Fact, Guard, IncidentReport, incident_report

__all__ = ["Action", "Fact", "Guard", "IncidentReport", "incident_report", "render_html"]
