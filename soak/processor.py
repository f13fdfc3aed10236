"""Kill a processor again and again under load, and compare what it knows with one that was left in peace."""

from __future__ import annotations

import json
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

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from otel_clinical.drift.runtime import FaultPoint
from otel_clinical.drift.runtime.status import replay
from otel_clinical.policy import load_policy
from otel_clinical.simulate._waiting import wait_until
from soak._forked import ForkedProcessor
from soak._nursery import Nursery
from soak._turns import Traffic
from tests.drift.runtime.conftest import write_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from prometheus_client.core import Metric

    from soak._turns import Request
    from tests.drift.runtime._harness import Processor

_SENDERS: Final = 4
_LIFE: Final = 60  # acknowledgements after which a fault point that was not passed is given up for a plain kill
_DEADLINE: Final = 600.0
_OWN: Final = "clinical_ai_processor_"
_EVENTS: Final = f"{_OWN}events_total"
_REJECTIONS: Final = f"{_OWN}rejections_total"


class SoakError(RuntimeError):
    """The processor ended in a way nobody asked for."""


@dataclass(frozen=True)
class Knowledge:
    """What a processor knows after a clean stop.

    Attributes:
        states: Kernel states, byte by byte.
        evidence: What `/metrics` says about models, as text.
        events: Accepted events by signal.
        late: Records that came too late.
    """

    states: dict[str, bytes]
    evidence: bytes
    events: dict[str, int]
    late: int

    def differences(self, other: Knowledge) -> list[str]:
        """Return the names of what is not equal, byte by byte."""
        keys = sorted(self.states.keys() | other.states.keys())
        found = [f"state {key}" for key in keys if self.states.get(key) != other.states.get(key)]
        lines = zip(self.evidence.splitlines(), other.evidence.splitlines(), strict=False)
        found += [f"evidence {mine!r} {theirs!r}" for mine, theirs in lines if mine != theirs]
        if (self.events, len(self.evidence), self.late) != (other.events, len(other.evidence), other.late):
            found.append(f"events {self.events} {other.events}, late {self.late} {other.late}")
        return found


@dataclass
class Result:
    """What a soak did and found.

    Attributes:
        kills: By the way in which the processor was killed.
        turns: Windows of traffic that were delivered.
        differences: What is not equal to the run without kills; empty when all is well.
        knowledge: Of the run with kills.
        restarts: Seconds from each start to readiness.
    """

    kills: Counter[str] = field(default_factory=Counter)
    turns: int = 0
    differences: list[str] = field(default_factory=list)
    knowledge: Knowledge | None = None
    restarts: list[float] = field(default_factory=list)


def _apart(folder: Path, policy: Path, nursery: Nursery, chance: random.Random) -> ForkedProcessor:
    """Return a processor on loopback addresses that nobody else uses.

    Two hosts, or a port would serve gRPC in one life and HTTP in the next, and senders would find the wrong one.
    """
    folder.mkdir()
    network = f"127.{chance.randint(64, 254)}.{chance.randint(1, 254)}"
    options = ("--grpc", f"{network}.2:0", "--checkpoint-every", "0.1")
    return ForkedProcessor(nursery, folder, policy, *options, host=f"{network}.1")


class _Senders:
    """Deliver requests over both protocols, several at once, until each is acknowledged."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._pool = ThreadPoolExecutor(_SENDERS)
        self.acknowledged = 0
        self.given_up = False

    def deliver(self, requests: Iterable[Request]) -> None:
        """Return when everything is acknowledged."""
        ways = (self._processor.post_ok, self._processor.call_ok)
        under_way = [self._pool.submit(self._until, ways[n % 2], *one) for n, one in enumerate(requests)]
        for one in under_way:
            one.result()

    def close(self) -> None:
        """Give up what is not acknowledged."""
        self.given_up = True
        self._pool.shutdown()

    def _until(self, way: Callable[[str, bytes], bool], path: str, body: bytes) -> None:
        wait_until(lambda: self.given_up or way(path, body), within=_DEADLINE, what="an answer", every=0.01)
        self.acknowledged += 1


class _Killer:
    """Kill and start a processor until it has died often enough; then leave it running.

    How long it lives is counted in what its senders get acknowledged, so that a slow machine gets as far as a fast
    one, and the last step is a matter of milliseconds.
    """

    def __init__(
        self, processor: Processor, senders: _Senders, kills: int, chance: random.Random, result: Result
    ) -> None:
        self._processor, self._senders = processor, senders
        self._kills, self._chance, self._result = kills, chance, result
        self.failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    @property
    def busy(self) -> bool:
        """Whether there are kills to come."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin, and return when the first processor listens."""
        self._thread.start()
        wait_until(lambda: self._processor.where or self.failed, within=60, what="the first processor to listen")

    def close(self) -> None:
        """Start no further process."""
        self._kills = 0
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._result.kills.total() < self._kills:
                self._result.kills[self._life()] += 1
            if self._kills:
                self._start("")
        except BaseException as error:  # noqa: BLE001 -- told by the thread that delivers
            self.failed = error
            self._senders.given_up = True

    def _life(self) -> str:
        """Start the processor, let it die, and return how it did."""
        draw = self._chance.random()
        if draw < 0.2:
            self._processor.launch()
            time.sleep(self._chance.uniform(0.0, 0.4))
            return self._end("while it starts")
        if draw < 0.6:
            self._start("")
            self._lives(self._chance.randint(0, _LIFE // 2))
            time.sleep(self._chance.uniform(0.0, 0.02))
            return self._end("at a random moment")
        point = self._chance.choice(list(FaultPoint))
        self._processor.launch(f"{point}:{self._chance.randint(1, 12)}")
        return f"at {point}" if self._lives(_LIFE) else self._end("at a random moment")

    def _lives(self, acknowledgements: int) -> bool:
        """Wait until the processor is dead, or has acknowledged enough; return whether it is dead."""
        process, until = self._processor.process, self._senders.acknowledged + acknowledgements
        assert process is not None
        while process.poll() is None:
            if self._senders.acknowledged >= until or not self._kills:
                return False
            self._see()
            time.sleep(0.01)
        return True

    def _start(self, fault: str) -> None:
        started = time.monotonic()
        self._processor.start(fault)
        self._result.restarts.append(time.monotonic() - started)

    def _see(self) -> None:
        """Let the senders know where a processor listens that may die before it is ready."""
        where = self._processor.first_line()
        if where is not None:
            self._processor.where = where

    def _end(self, how: str) -> str:
        self._processor.kill()
        assert self._processor.process is not None
        if self._processor.process.returncode != -9:
            raise SoakError(f"it ended by itself: {self._processor.errors.read_text()[-4000:]}")
        return how


def soak(
    kills: int,
    seed: int,
    *,
    say: Callable[[str], None] = lambda _line: None,
    tamper: Callable[[Sequence[Request]], Sequence[Request]] = lambda requests: requests,
) -> Result:
    """Run both processors and compare.

    Args:
        kills: How often one of them dies.
        seed: Of the traffic and of the choice of kills; the moments themselves are the machine's.
        say: Told about the progress.
        tamper: Changes what is sent to the processor that is killed, to prove that a difference is found.
    """
    chance = random.Random(seed)
    result = Result()
    with tempfile.TemporaryDirectory(prefix="otel-clinical-soak-") as name, Nursery() as nursery:
        folder = Path(name)
        policy = write_policy(folder)
        traffic = Traffic(seed, start=time.time() // 1 - 4 * 86400.0)
        with closing(_apart(folder / "killed", policy, nursery, chance)) as mortal:
            result.turns = _abused(mortal, traffic, result, kills=kills, chance=chance, tamper=tamper, say=say)
            result.knowledge = _knowledge(mortal)
        say(f"{result.turns} turns delivered; now the same in peace")
        with closing(_apart(folder / "peace", policy, nursery, chance)) as left, closing(_Senders(left)) as senders:
            left.start()
            for turn in range(result.turns):
                for request in traffic.in_order(turn):
                    senders.deliver([request])
            senders.deliver(traffic.last(result.turns))
            expected = _knowledge(left)
        if expected.events != traffic.events(result.turns):
            raise SoakError(f"the run in peace counted {expected.events}, not {traffic.events(result.turns)}")
        result.differences = expected.differences(result.knowledge)
    return result


def _abused(
    processor: Processor,
    traffic: Traffic,
    result: Result,
    *,
    kills: int,
    chance: random.Random,
    tamper: Callable[[Sequence[Request]], Sequence[Request]],
    say: Callable[[str], None],
) -> int:
    """Deliver turns until the last kill; return how many."""
    turn, said = 0, time.monotonic()
    with closing(_Senders(processor)) as senders, closing(_Killer(processor, senders, kills, chance, result)) as killer:
        killer.start()
        while killer.busy or turn == 0:
            senders.deliver(tamper(traffic.turn(turn)))
            turn += 1
            if time.monotonic() - said > 10:
                said = time.monotonic()
                say(f"{result.kills.total()} kills, {turn} turns")
        if killer.failed is not None:
            raise killer.failed
        senders.deliver(traffic.turn(turn, ends=True))
        senders.deliver(traffic.last(turn))
    return turn


def _knowledge(processor: Processor) -> Knowledge:
    """Stop a processor and read what it leaves behind."""
    code = processor.stop()
    if code:
        raise SoakError(f"exit code {code}: {processor.errors.read_text()[-4000:]}")
    if processor.rows("SELECT count(*) FROM journal") != [(0,)]:
        raise SoakError("the journal is not empty after a clean stop")
    if words := processor.errors.read_text():
        raise SoakError(f"it complained: {words[-4000:]}")
    stored = {
        (str(name), str(json.loads(str(labels))[0])): int(str(value))
        for name, labels, value in processor.rows("SELECT name, labels, value FROM counter")
    }
    events = {label: value for (name, label), value in stored.items() if name == _EVENTS and value}
    return Knowledge(processor.states(), _evidence(processor), events, stored.get((_REJECTIONS, "late"), 0))


def _evidence(processor: Processor) -> bytes:
    """Return the metrics page of a state directory, without what is about the processor itself."""
    found = replay(processor.state, load_policy(processor.policy))
    shown = CollectorRegistry(auto_describe=False)
    shown.register(_Families([family for family in found if not family.name.startswith(_OWN)]))
    return generate_latest(shown)


class _Families:
    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> list[Metric]:
        return self._found
