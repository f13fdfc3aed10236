"""Write down how a drill went, for the folder of evidence that an auditor asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def drill_markdown(
    *,
    key: str,
    model: str,
    live: bool,
    by: Sequence[str],
    versions: tuple[str, str],
    started: float,
    stages: Iterable[tuple[str, float, str]],
    failure: str,
) -> str:
    """Return a drill as Markdown.

    Args:
        key: Identifier of the drill, as in the audit.
        model: That was practised with.
        live: Whether the release pointer itself was switched.
        by: Who practised.
        versions: The one that serves, and the one that was gone back to.
        started: Unix seconds.
        stages: Name, seconds and what was shown, in order.
        failure: What went wrong; empty where nothing did.
    """
    rows = list(stages)
    verdict = f"**Failed.** {failure}" if failure else "**Passed.** Every stage did what a rollback needs."
    begun, took = datetime.fromtimestamp(started, UTC), sum(seconds for _, seconds, _ in rows)
    manner = "the release pointer itself, switched and put back" if live else "a copy of the release pointer"
    lines = [
        f"# Rollback drill {key}",
        "",
        verdict,
        "",
        f"- Model: {model}, version {versions[0]}, back to {versions[1]}",
        f"- On: {manner}",
        f"- By: {', '.join(by)}",
        f"- Begun: {begun:%Y-%m-%d %H:%M:%S} UTC; {took:.1f} s in all",
        "",
        "| stage | seconds | shown |",
        "|---|---|---|",
        *(f"| {name} | {seconds:.2f} | {detail} |" for name, seconds, detail in rows),
        "",
        "A drill shows that an alert reaches the controller through Alertmanager and that the version can be switched.",
        "It does not show that an alert fires when a model gets worse; `promtool test rules` and the backtest do.",
        "",
    ]
    return "\n".join(lines)
