"""Repeat one alert to a controller for a day of its clock: one incident, one change, a bounded store, a flat memory.

The controller is a real process with its database on the disk, whose clock runs many times as fast; two scripted peers
of an Alertmanager tell it through its HTTP interface what a real configuration makes them tell, at the pace of that
clock: an alert at once, again every five minutes, its end and its beginning anew. It is stopped and killed meanwhile.
After the day it comes back a month later, when what the day left is past its retention.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_clinical.release import read_pointer
from otel_clinical.rollback import DATABASE, activate_version, verify_file
from otel_clinical.rollback.audit import open_read_only
from otel_clinical.simulate._waiting import wait_until
from soak._fast_controller import fast
from tests.rollback._controller import Controller, alert, notification, terms_of
from tests.rollback._prometheus import FakePrometheus, degraded, processor, recovered

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.simulate.stack import ManagedProcess

_HOUR: Final = 3_600.0
_DAY: Final = 24 * _HOUR
_REPEAT: Final = 300.0
_FLAP: Final = 0.1
_RESTARTS: Final = (3.0, 5.5, 7.0, 9.0)
"""Hours at which the controller ends; after the last of them it is left alone, and its memory is watched."""
_LATER: Final = 31 * _DAY
_LONG: Final = 120.0
_ROOM: Final = 1 << 16
"""Bytes by which the audit may make the database grow while what is past its retention goes."""
_GROWTH: Final = 8.0
"""MiB between the first hour after the last restart and the last one."""


@dataclass
class Day:
    """What a day of repetitions left."""

    hours: float
    posted: int = 0
    refused: int = 0
    restarts: int = 0
    incidents: int = 0
    made: int = 0
    epoch: int = 0
    memory: list[float] = field(default_factory=list)
    """MiB at each hour since the last restart."""
    day: dict[str, int] = field(default_factory=dict)
    """Rows by table, and bytes of the database, at the end of the day."""
    later: dict[str, int] = field(default_factory=dict)
    """The same a month later."""
    problems: list[str] = field(default_factory=list)


class _Fast(Controller):
    """A controller whose clock was right at `start` and runs `speed` times as fast since."""

    start_at, speed, ahead = 0.0, 1.0, 0.0

    def _process(self, **environment: str) -> ManagedProcess:
        host, port = self.url.removeprefix("http://").split(":")
        words = [str(self.start_at), str(self.speed), str(self.ahead), str(self.folder / "policy.yaml")]
        words += [str(self.folder / "state"), str(self.folder / "tokens"), self.prometheus, host, port]
        return replace(super()._process(**environment), command=[sys.executable, "-m", "soak._fast_controller", *words])

    def clock(self) -> float:
        return fast(self.start_at, self.speed, self.ahead)()


def soak(hours: float, speed: float, seed: int, *, say: Callable[[str], None] = lambda _line: None) -> Day:
    """Live through `hours` of a controller's clock that runs `speed` times as fast as ours, and return what is left."""
    found = Day(hours)
    with tempfile.TemporaryDirectory(prefix="otel-clinical-soak-") as name:
        folder = Path(name)
        with closing(_Scene(folder, speed, found, random.Random(seed))) as scene:
            scene.begin()
            scene.live(hours, say)
            found.day = _left(folder)
            scene.return_later()
            found.later = _left(folder)
            scene.judge()
    return found


class _Scene:
    def __init__(self, folder: Path, speed: float, found: Day, chance: random.Random) -> None:
        self._folder, self._found, self._chance = folder, found, chance
        self._prometheus = FakePrometheus()
        self._terms = terms_of(folder)
        now = time.time()
        activate_version(self._terms, "7", by="soak", at=now - _DAY)
        activate_version(self._terms, "8", by="soak", at=now - 60)
        self._labels = degraded(self._prometheus, baseline=self._terms.baseline_hash, change_point=now - 30)
        self._starts = [now - 5, now - 4]
        self._controller = _Fast(folder, self._prometheus.url)
        self._controller.start_at, self._controller.speed = now, speed
        self._clock = self._prometheus.clock = self._controller.clock

    def close(self) -> None:
        self._controller.process.stop()
        self._prometheus.close()

    def begin(self) -> None:
        """Start, and let the one rollback happen."""
        self._controller.start()
        self._post("firing")
        self._until({"converging", "verifying"}, "the rollback")
        recovered(self._prometheus, activation=read_pointer(self._terms.pointer).activation)
        self._until({"rolled_back"}, "the verification")

    def live(self, hours: float, say: Callable[[str], None]) -> None:
        """Repeat the alert for so long."""
        begun, due = self._clock(), list(_RESTARTS)
        scale = hours / 24
        told, hour, firing = begun, 0, True
        while (passed := self._clock() - begun) < hours * _HOUR:
            if due and passed >= due[0] * scale * _HOUR:
                self._restart(kill=len(due) % 2 == 0)
                due.pop(0)
            if self._clock() >= told:
                told += _REPEAT
                if firing and self._chance.random() < _FLAP:
                    self._post("resolved")
                    firing = False
                    self._starts = [self._clock(), self._clock() + 1]
                else:
                    self._post("firing")
                    firing = True
            if passed / _HOUR >= hour + 1:
                hour += 1
                say(f"hour {hour}: {self._found.posted} posted")
                if not due:
                    self._found.memory.append(self._memory())
            processor(self._prometheus)
            time.sleep(0.02)

    def return_later(self) -> None:
        """Come back after the retention of requests is over."""
        self._controller.process.stop()
        self._controller.ahead += _LATER
        processor(self._prometheus)
        self._controller.start()
        self._post("firing")
        wait_until(lambda: _left(self._folder)["webhooks"] <= 2, within=_LONG, what="the retention to be kept")

    def judge(self) -> None:
        """Say what is not as it must be."""
        found, pointer = self._found, read_pointer(self._terms.pointer)
        self._controller.process.stop()
        verify_file(self._folder / "state" / DATABASE)
        with open_read_only(self._folder / "state" / DATABASE) as connection:

            def count(query: str) -> int:
                return int(connection.execute(query).fetchone()[0])

            found.incidents = count("SELECT count(*) FROM incidents")
            found.made = count("SELECT count(*) FROM audit WHERE action = 'change.made'")
        found.epoch = pointer.epoch
        if (found.incidents, found.made, pointer.version, pointer.epoch) != (1, 1, "7", 3):
            found.problems.append(f"{found.incidents} incidents, {found.made} changes, epoch {pointer.epoch}")
        if found.memory and found.memory[-1] > found.memory[0] + _GROWTH:
            found.problems.append(f"memory grew from {found.memory[0]:.1f} to {found.memory[-1]:.1f} MiB")
        if found.refused:
            found.problems.append(f"{found.refused} webhooks were refused by a controller that ran")
        if found.later["bytes"] > found.day["bytes"] + _ROOM:
            found.problems.append("the database grew after what was past its retention had gone")

    def _restart(self, *, kill: bool) -> None:
        self._found.restarts += 1
        (self._controller.process.kill if kill else self._controller.process.stop)()
        self._controller.start()

    def _post(self, status: str) -> None:
        """Let both peers tell it, each with its own beginning."""
        for starts in self._starts:
            answer = self._controller.post(notification(alert(self._labels, status=status, starts_at=starts)))
            self._found.posted += 1
            self._found.refused += answer.status_code != 202

    def _until(self, states: set[str], what: str) -> None:
        def seen() -> bool:
            processor(self._prometheus)
            return any(incident["state"] in states for incident in self._controller.incidents())

        wait_until(seen, within=_LONG, what=what)

    def _memory(self) -> float:
        tether = self._controller.process.pid
        children = Path(f"/proc/{tether}/task/{tether}/children").read_text().split()
        pages = int(Path(f"/proc/{children[0] if children else tether}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _left(folder: Path) -> dict[str, int]:
    database = folder / "state" / DATABASE
    with open_read_only(database) as connection:
        rows = {
            table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 -- ours
            for table in ("webhooks", "alerts", "audit")
        }
        ((pages,), (size,)) = (connection.execute(f"PRAGMA {of}").fetchone() for of in ("page_count", "page_size"))
    return {**rows, "bytes": pages * size}
