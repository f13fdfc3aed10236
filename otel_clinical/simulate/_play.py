"""Play an act: inject its truth, look until everything expected was seen, and judge."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx

from otel_clinical.simulate._story import Story
from otel_clinical.simulate._waiting import wait_until
from otel_clinical.simulate.truth import QUIET, write_truth

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from otel_clinical.simulate._acts import Act
    from otel_clinical.simulate._expectations import Expectation
    from otel_clinical.simulate._observer import Observer
    from otel_clinical.simulate._view import View

_LOOK_EVERY: Final = 0.7
_READY_WITHIN: Final = 60.0


@dataclass(slots=True)
class Progress:
    """How far an act has come.

    Args:
        act: What is played.
        story: What was seen.
        seen: Per expectation that must happen, words and seconds since the act began; in order, so far.
        broken: Per expectation that must not happen, words, where it did.
    """

    act: Act
    story: Story
    seen: list[tuple[str, float]] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Tell whether everything that must happen was seen."""
        return len(self.seen) == len(self.act.must)

    @property
    def ok(self) -> bool:
        """Tell whether the act is as it should be, if it ended now."""
        return self.complete and not self.broken

    def note(self, view: View) -> None:
        """Take in a view.

        What must happen is looked for one after the other: that version 7 serves means something only after the
        decision to return to it.
        """
        self.story.add(view)
        while not self.complete:
            words = self.act.must[len(self.seen)].seen(self.story)
            if words is None:
                break
            self.seen.append((words, self.story.seconds))
        for expectation in self.act.must_not:
            words = expectation.seen(self.story)
            if words is not None:
                self.broken.setdefault(expectation.words, words)


class Audience(Protocol):
    """Whoever watches the acts."""

    def begin(self, progress: Progress) -> None:
        """See an act begin."""

    def watch(self, progress: Progress) -> None:
        """See a new view."""

    def end(self, progress: Progress) -> None:
        """See an act end."""


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on an act, as it stands in the machine-readable result."""

    act: str
    expected: tuple[str, ...]
    observed: tuple[str, ...]
    ok: bool
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the row of the JSON file."""
        return {
            "act": self.act,
            "expected": list(self.expected),
            "observed": list(self.observed),
            "ok": self.ok,
            "seconds": round(self.seconds, 1),
        }


def play(act: Act, observer: Observer, world: Path, release: Callable[[str], None], audience: Audience) -> Progress:
    """Play ``act`` to its end, let the truth heal, and return how far the act came.

    Raises:
        DeadlineError: What earlier acts left did not clear, or nothing answers.
    """
    what = f"{act.waits_for} before act '{act.name}'"
    first = wait_until(lambda: _ready(act, observer), within=_READY_WITHIN, what=what, every=_LOOK_EVERY)
    progress = Progress(act, Story(time.time(), [first]))
    audience.begin(progress)
    write_truth(world, act.truth)
    if act.release:
        release(act.release)
    ends = _Ending(act, progress)
    while not ends.now():
        view = try_to_look(observer)
        if view is not None:
            progress.note(view)
            audience.watch(progress)
        ends.pause()
    write_truth(world, QUIET)
    audience.end(progress)
    return progress


class _Ending:
    """Decide when an act is over."""

    def __init__(self, act: Act, progress: Progress) -> None:
        self._act = act
        self._progress = progress
        self._began = time.monotonic()
        self._complete_since: float | None = None

    def now(self) -> bool:
        now = time.monotonic()
        if not self._progress.complete:
            return now - self._began > self._act.deadline
        self._complete_since = self._complete_since or now
        return now - self._complete_since >= self._act.settle

    @staticmethod
    def pause() -> None:
        time.sleep(_LOOK_EVERY)


def verdict(progress: Progress) -> Result:
    """Return the verdict on an act that is over."""
    act = progress.act
    words = [f"{text} ({after:.1f} s)" for text, after in progress.seen]
    words += [f"NOT SEEN within {act.deadline:g} s: {missing.words}" for missing in act.must[len(progress.seen) :]]
    words += [_absence(expectation, progress) for expectation in act.must_not]
    expected = [f"must: {expectation.words}" for expectation in act.must]
    expected += [f"must not: {expectation.words}" for expectation in act.must_not]
    return Result(act.name, tuple(expected), tuple(words), progress.ok, progress.story.seconds)


def try_to_look(observer: Observer) -> View | None:
    """Return a view, or None while a process is being restarted."""
    try:
        return observer.look()
    except (httpx.HTTPError, FileNotFoundError):
        return None


def _absence(expectation: Expectation, progress: Progress) -> str:
    words = progress.broken.get(expectation.words)
    return f"no sign of {expectation.words}" if words is None else f"MUST NOT HAPPEN: {words}"


def _ready(act: Act, observer: Observer) -> View | None:
    view = try_to_look(observer)
    return view if view is not None and act.ready(view) else None
