"""Kill a controller again and again under duplicates of its webhooks, and count what it did to the pointer."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback import AuditBrokenError
from otel_clinical.simulate._waiting import DeadlineError, wait_until
from otel_clinical.simulate.stack import free_ports
from soak._controller import EndedError, Left, MortalController
from soak._nursery import CONTROLLER, Nursery
from tests.rollback._controller import alert, notification

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.rollback.audit import Checkpoint

POINTS: Final = ("after_webhook", "after_intent", "after_swap", "after_marker")
_AT_ONCE: Final = 6
"""Stories told side by side: most of each is waiting for the second look at Prometheus."""
_SENDERS: Final = 2
_EVERY: Final = 0.02
"""Seconds between two of a sender: a controller that only answers comes to no decision to be killed in."""
_LIVES: Final = 5
"""Most kills of one story: after its rollback there is nothing left to get wrong but doing it again."""
_GIVEN_UP: Final = 3.0
"""Seconds after which a fault point that was not passed is given up for a plain kill."""
_SPANS: Final = (0.05, 0.25, 0.8)
_PATIENCE: Final = 30.0


@dataclass
class Result:
    """What a soak did and found.

    Attributes:
        kills: By the way in which the controller was killed.
        found: Lives by how far the rollback was when they ended.
        stories: Degraded releases, each of which must be rolled back once.
        acknowledged: Webhooks that were answered 202.
        recorded: Webhooks that the audits tell of.
        events: Of all audits.
        double: Stories with more than one effect.
        lost: Acknowledged webhooks without a trace, and stories without an effect.
        problems: Whatever is not as it must be, in words.
    """

    kills: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    stories: int = 0
    acknowledged: int = 0
    recorded: int = 0
    events: int = 0
    double: int = 0
    lost: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, other: Result) -> None:
        """Add what another one found."""
        self.kills += other.kills
        self.found += other.found
        self.stories += other.stories
        self.acknowledged += other.acknowledged
        self.recorded += other.recorded
        self.events += other.events
        self.double += other.double
        self.lost += other.lost
        self.problems += other.problems


class _Senders:
    """Post the same alert again and again, as Alertmanagers that repeat themselves do, until told to stop."""

    def __init__(self, controller: MortalController, bodies: list[bytes]) -> None:
        self._controller, self._bodies = controller, bodies
        self._lock = threading.Lock()
        self._done = threading.Event()
        self.acknowledged = 0
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(_SENDERS)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Return when nothing is under way."""
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        while not self._done.is_set():
            if self._controller.post(self._bodies[number % len(self._bodies)]):
                with self._lock:
                    self.acknowledged += 1
            self._done.wait(_EVERY)
            number += 1


class _Story:
    """One degraded release: some lives that end badly, and a last one in peace."""

    def __init__(self, controller: MortalController, chance: random.Random, name: str) -> None:
        self._controller, self._chance, self._name = controller, chance, name
        self.result = Result(stories=1)
        self._bodies = _duplicates(controller.labels)
        self._head: Checkpoint | None = None
        self._acknowledged = 0
        self._pointer, self._mark = controller.pointer(), controller.mark()
        self._swapped = self._recorded_effect = False
        self._received = 0

    def live(self) -> None:
        """Begin a life, end it, and look at what it leaves."""
        draw, point = self._chance.random(), ""
        if 0.15 <= draw < 0.6:
            # What is done and recorded is never passed again: of the points only the first is left.
            point = POINTS[0] if self._recorded_effect else self._chance.choice(POINTS)
        self._controller.launch(point)
        if draw < 0.15:
            time.sleep(self._chance.uniform(0.0, 0.3))
            how = "while it starts"
        else:
            how = self._abused(point)
        self._controller.kill()
        self.result.kills[how] += 1
        self._look()

    def end(self, duplicates: int) -> None:
        """Let the last life finish the work, unless it is lost, and repeat the alert to it."""
        controller = self._controller
        controller.launch()
        controller.wait_ready()
        if not self._acknowledged:
            self._post(1)
        wait_until(lambda: _moved(controller) or controller.dead, within=_PATIENCE, what="the rollback", every=0.01)
        controller.recover()
        done = ["rolled_back"]
        wait_until(lambda: controller.states() == done, within=_PATIENCE, what="the verification", every=0.02)
        self._post(duplicates)
        wait_until(lambda: not controller.left(None).waiting, within=_PATIENCE, what="the alerts", every=0.02)

    def judge(self) -> None:
        """Kill the last life and say what is wrong with all of them together."""
        self._controller.kill()
        left = self._look()
        if left is None:
            self._lost("no life has left a database")
            return
        if not self._swapped or left.waiting:
            self._lost(f"no effect, or alerts that wait: {left}")
        elif (left.made, left.incidents, left.states) != (1, 1, ("rolled_back",)):
            self._problem(f"not as it must be: {left}")

    def _abused(self, point: str) -> str:
        """Send duplicates until the fault point or a random moment has come; return how the life ended."""
        controller = self._controller
        controller.wait_ready()
        with closing(_Senders(controller, self._bodies)) as senders:
            until = time.monotonic() + (_GIVEN_UP if point else self._chance.uniform(0.0, self._chance.choice(_SPANS)))
            while time.monotonic() < until and not controller.dead:
                time.sleep(0.002)
            how = f"at {point}" if point and controller.dead else "at a random moment"
            controller.kill()
        self._acknowledged += senders.acknowledged
        return how

    def _post(self, times: int) -> None:
        for number in range(times):
            if not self._controller.post(self._bodies[number % len(self._bodies)]):
                self._problem("a webhook was refused by a controller in peace")
                return
            self._acknowledged += 1

    def _look(self) -> Left | None:
        """Judge what a dead controller left; None where it had not come so far as to make its database."""
        if self._head is None and not self._acknowledged and not _begun(self._controller):
            self.result.found["not begun"] += 1
            return None
        left = self._controller.left(self._head)
        self.result.recorded += left.received - self._received
        self.result.events += left.head.seq - (self._head.seq if self._head else 0)
        self._received, self._head = left.received, left.head
        if left.received < self._acknowledged:
            self._lost(f"{self._acknowledged} webhooks were acknowledged, {left.received} are in the audit")
        self._count(left)
        return left

    def _count(self, left: Left) -> None:
        """Judge what this life did to the pointer: nothing, or the one change that no life before had made."""
        changed = left.pointer != self._pointer
        fresh = changed and not self._swapped and (left.pointer.version, left.pointer.epoch) == ("7", self._mark + 1)
        if left.made > 1 or (changed and not fresh) or left.mark > self._mark + (not self._swapped):
            self.result.double += 1
            self._problem(f"more than one effect, after epoch {self._pointer.epoch} and mark {self._mark}: {left}")
        elif left.incidents > 1 or (left.made and not (changed or self._swapped)):
            self._problem(f"not as it must be: {left}")
        self._swapped |= changed
        self._recorded_effect |= left.made > 0
        gap = "not made, its number taken" if left.mark > left.pointer.epoch else "not made"
        self.result.found["made and recorded" if left.made else "made" if self._swapped else gap] += 1
        self._pointer, self._mark = left.pointer, left.mark

    def _lost(self, words: str) -> None:
        self.result.lost += 1
        self._problem(words)

    def _problem(self, words: str) -> None:
        self.result.problems.append(f"{self._name}: {words}")

    def run(self, kills: int, duplicates: int, tamper: Callable[[MortalController], None]) -> None:
        """Tell the story from its first life to the last; whatever goes wrong in it is a problem."""
        try:
            for _ in range(kills):
                self.live()
            self.end(max(duplicates - self._acknowledged, 3))
            tamper(self._controller)
            self.judge()
        except DeadlineError as error:
            self._lost(str(error))
        except (AuditBrokenError, EndedError, OSError) as error:
            self._problem(f"{type(error).__name__}: {error}")
        self.result.acknowledged = self._acknowledged


def soak(
    kills: int,
    duplicates: int,
    seed: int,
    *,
    say: Callable[[str], None] = lambda _line: None,
    tamper: Callable[[MortalController], None] = lambda _controller: None,
) -> Result:
    """Tell one story after another until the controllers have died often enough.

    Args:
        kills: How often a controller dies before the last life of its story.
        duplicates: Webhooks that are acknowledged at least, over all stories.
        seed: Of the choice of kills; the moments themselves are the machine's.
        say: Told about the progress.
        tamper: Given each story at its end, to prove that what it does there is found.
    """
    plan: list[int] = []
    chance = random.Random(seed)
    while (missing := kills - sum(plan)) > 0:
        plan.append(min(chance.randint(1, _LIVES), missing))
    result, said, port = Result(), time.monotonic(), free_ports(1)[0]
    network = f"127.{chance.randint(64, 254)}"
    with tempfile.TemporaryDirectory(prefix="otel-clinical-soak-") as name, Nursery(*CONTROLLER) as nursery:

        def tell(number: int) -> Result:
            address = (f"{network}.{number // 250}.{number % 250 + 1}", port)
            with closing(MortalController(nursery, Path(name, str(number)), address)) as controller:
                story = _Story(controller, random.Random(f"{seed}-{number}"), f"story {number}")
                story.run(plan[number], duplicates * plan[number] // kills + 1, tamper)
            return story.result

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for one in pool.map(tell, range(len(plan))):
                result.add(one)
                for line in one.problems:
                    say(f"PROBLEM: {line}")
                if time.monotonic() - said > 10:
                    said = time.monotonic()
                    say(f"{result.kills.total()} kills, {result.stories} rollbacks, {len(result.problems)} problems")
    return result


def _duplicates(labels: dict[str, str]) -> list[bytes]:
    """Return bodies that tell the same: a repeat, the other peer of a cluster, one group that names it twice."""
    now = time.time()
    one, other = alert(labels, starts_at=now - 5), alert(labels, starts_at=now - 4)
    return [notification(one), notification(other, groupKey='{}:{alertname="y"}'), notification(one, other)]


def _moved(controller: MortalController) -> bool:
    return bool({"converging", "verifying", "rolled_back"} & set(controller.states()))


def _begun(controller: MortalController) -> bool:
    """Tell whether there is a database with an audit that has begun."""
    try:
        return controller.left(None).head.seq > 0
    except (FileNotFoundError, AuditBrokenError):
        return False
