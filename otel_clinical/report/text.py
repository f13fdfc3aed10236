"""Write a report as Markdown or JSON: for a ticket, a mail, another program."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from otel_clinical.report.incident import IncidentReport

SCHEMA: Final = "otel-clinical/incident-report/v1"
_SPECIAL: Final = str.maketrans(
    {"|": "\\|", "<": "&lt;", "*": "\\*", "_": "\\_", "`": "'", "[": "\\[", "\n": " ", "\r": " "}
)


def render_json(report: IncidentReport) -> str:
    """Return the report as JSON; `digest` is the SHA-256 of everything else in canonical form."""
    content: dict[str, Any] = {"schema": SCHEMA, **asdict(report)}
    if report.exposure is not None:
        content["exposure"] |= {"count": report.exposure.number}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    content["digest"] = "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def render_markdown(report: IncidentReport) -> str:
    """Return the report as Markdown; what people wrote cannot become markup."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: IncidentReport) -> Iterator[str]:
    yield f"# {_plain(report.headline)}\n"
    subject = " · ".join(_plain(text) for text in (report.id, f"{report.model} {report.version}", report.where))
    yield f"{subject} · **{report.state.replace('_', ' ')}** {_plain(report.reason)}"
    yield "\n## Times\n"
    moments = (
        ("Changed (estimated)", report.since),
        ("Alert heard", report.opened),
        ("Machine finished", report.closed or "not yet"),
    )
    yield from _table(("What", "When"), [row for row in moments if row[1]])
    yield ""
    yield from _table(("From, to", "Took"), [(span.name, span.value) for span in report.spans])
    if report.exposure is not None:
        yield f"\n## Who may have been affected\n\n{_plain(report.exposure.sentence)}"
    yield "\n## Evidence\n"
    if report.seen:
        yield f"Nothing newer is known: the figures are as last seen at {_plain(report.seen)}.\n"
    yield from _table(("What", "Value", "Meaning"), [(fact.name, fact.value, fact.meaning) for fact in report.facts])
    yield "\n## Guards\n"
    yield from _table(("Question", "Result", "Because"), [(g.question, g.words, g.because) for g in report.guards])
    yield "\n## What people did\n"
    yield from _table(("When", "Who", "What", "Why"), [(p.at, p.who, p.what, p.why) for p in report.people])
    yield "\n## Everything that happened\n"
    log = [(a.at, a.what + (" (paged)" if a.page else ""), a.detail, a.by, str(a.seq)) for a in report.actions]
    yield from _table(("When", "What", "Detail", "By", "Audit event"), log)
    yield "\n## Open actions\n"
    yield from [f"- [ ] {_plain(action)}" for action in report.open_actions] or ["None."]
    if report.basis:
        yield "\n## Decided by\n"
        yield from _table(
            ("What", "Which", "Meaning"), [(fact.name, fact.value, fact.meaning) for fact in report.basis]
        )
    yield "\n## Signature\n"
    yield "Reviewed by: ____________________ Date: ____________ Meaning: ____________________"
    yield f"\nAudit: event {report.audit_seq}, head `{report.audit_hash}`. Written {report.written}. No patient data."


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        yield "None."
        return
    yield "| " + " | ".join(names) + " |"
    yield "|" + " --- |" * len(names)
    for row in rows:
        yield "| " + " | ".join(_plain(cell) for cell in row) + " |"


def _plain(text: str) -> str:
    return text.translate(_SPECIAL)
