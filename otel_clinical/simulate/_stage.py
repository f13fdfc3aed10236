"""Show the acts to a person: a live picture on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from otel_clinical.simulate._expectations import new_incidents, place_of, where
from otel_clinical.simulate._view import EVERYWHERE, TIERS, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rich.console import RenderableType

    from otel_clinical.simulate._play import Progress, Result
    from otel_clinical.simulate._story import Heard
    from otel_clinical.simulate._view import View

_ROWS: Final = 5
_TELLING: Final = 100
"""Labels since the change point below which the estimated drop is noise."""

_TIER_STYLE: Final = dict(zip(TIERS, ("yellow", "dark_orange", "bold red"), strict=True))


class Stage:
    """Show acts on a console; on anything that is not a terminal, print a line per new fact."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._said: set[str] = set()
        self._began = time.monotonic()

    def say(self, words: str) -> None:
        """Print one line."""
        self._console.print(Text(f"[{time.monotonic() - self._began:6.1f} s] {words}"), soft_wrap=True)

    def begin(self, progress: Progress) -> None:
        """Open an act."""
        self._said.clear()
        act = progress.act
        if self._console.is_terminal:
            self._live = Live(_picture(progress), console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
            return
        self.say(f"{act.title}: {act.injected}")
        self.say("  expected: " + "; ".join(expectation.words for expectation in act.must))
        self.say("  must not happen: " + "; ".join(expectation.words for expectation in act.must_not))

    def watch(self, progress: Progress) -> None:
        """Show the newest view."""
        if self._live is not None:
            self._live.update(_picture(progress))
        else:
            self._say_news(progress)

    def end(self, progress: Progress) -> None:
        """Close an act; its last picture stays."""
        self.close()
        if self._console.is_terminal:
            self._console.print(_picture(progress, over=True))
        else:
            self._say_news(progress)
            self.say(f"  {'ok' if progress.ok else 'FAILED'}: {progress.act.name}, {progress.story.seconds:.1f} s")

    def close(self) -> None:
        """Give the terminal back, whatever happened."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def verdicts(self, results: list[Result]) -> None:
        """Print the table of all acts."""
        table = Table("act", "verdict", "seconds", "observed", title="What happened", title_justify="left")
        for result in results:
            mark = Text("ok", "bold green") if result.ok else Text("FAILED", "bold red")
            table.add_row(result.act, mark, f"{result.seconds:.0f}", "\n".join(result.observed))
        self._console.print(table)

    def _say_news(self, progress: Progress) -> None:
        for fact in _facts(progress):
            if fact not in self._said:
                self._said.add(fact)
                self.say(f"  {fact}")


def _facts(progress: Progress) -> list[str]:
    """Return everything worth a line so far, oldest first."""
    story = progress.story
    facts = [_heard(heard) for heard in story.heard() if heard.tier != TIERS[0] or heard.first]
    facts += [f"seen at {after:.1f} s: {words}" for words, after in progress.seen]
    facts += [f"MUST NOT HAPPEN: {words}" for words in progress.broken.values()]
    facts += [_decided(incident) for incident in new_incidents(story) if incident["decision"]]
    if story.last.pointer.epoch != story.first.pointer.epoch:
        facts.append(f"pointer: {_pointer(story.last)}")
    return facts


def _heard(heard: Heard) -> str:
    return f"alert at {heard.after:.1f} s: {heard.tier} tier ({heard.category}), {where(heard.place)}"


def _decided(incident: Mapping[str, Any]) -> str:
    """Say what the controller made of an incident: the first thing to read where an act did not go as expected."""
    return f"controller: {incident['decision']} for {where(place_of(incident))}: {incident['reason']}"


def _picture(progress: Progress, *, over: bool = False) -> RenderableType:
    act, story = progress.act, progress.story
    title = f"{act.title}  ·  {story.seconds:.0f} s"
    if over:
        title += "  ·  ok" if progress.ok else "  ·  FAILED"
    border = ("green" if progress.ok else "red") if over else "cyan"
    parts = (Text.assemble(("injected  ", "dim"), act.injected), _checks(progress, over=over), _places(story.last))
    pointer = Text.assemble(("pointer   ", "dim"), _pointer(story.last))
    return Panel(Group(*parts, pointer), title=title, title_align="left", border_style=border)


def _checks(progress: Progress, *, over: bool) -> Table:
    table = Table.grid(padding=(0, 1))
    for number, expectation in enumerate(progress.act.must):
        if number < len(progress.seen):
            words, after = progress.seen[number]
            table.add_row(Text("seen", "green"), expectation.words, Text(f"{words} ({after:.1f} s)", "green"))
        else:
            table.add_row(Text("missing" if over else "waiting", "red" if over else "dim"), expectation.words, "")
    for expectation in progress.act.must_not:
        broken = progress.broken.get(expectation.words)
        mark = Text("none", "green") if broken is None else Text("BROKEN", "bold red")
        table.add_row(mark, f"must not: {expectation.words}", Text(broken or "", "bold red"))
    return table


def _places(view: View) -> Table:
    """Return the whole and the places that are worst, with their tiers."""
    table = Table("where", "accuracy", "baseline", "drop", "labels", "proved", "alerts", box=None, header_style="dim")
    here = {place: view.here(place) for version, place in view.standing if version == view.pointer.version}
    worst = sorted((p for p in here if p != EVERYWHERE), key=lambda p: _badness(here[p]), reverse=True)
    for place in (EVERYWHERE, *worst[:_ROWS]):
        standing = here.get(place, Standing())
        tiers = [alert.tier for alert in view.alerts if alert.place == place and alert.tier]
        table.add_row(
            where(place),
            _percent(standing.performance),
            _percent(standing.baseline),
            _percent(standing.drop) if (standing.samples or 0) >= _TELLING else "",
            "" if standing.samples is None else f"{standing.samples:.0f}",
            _tiers(standing.proved),
            _tiers([tier for tier in TIERS if tier in tiers]),
        )
    return table


def _badness(standing: Standing) -> tuple[int, float]:
    return len(standing.proved), standing.drop or 0.0


def _tiers(tiers: tuple[str, ...] | list[str]) -> Text:
    return Text(" ").join(Text(tier, _TIER_STYLE[tier]) for tier in tiers)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _pointer(view: View) -> str:
    pointer = view.pointer
    rules = ", ".join(f"{rule.segment.name} {rule.segment.value} -> {rule.route}" for rule in pointer.rules)
    return f"version {pointer.version}, activation {pointer.activation}, rules: {rules or 'none'}"
