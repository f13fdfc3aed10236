"""Let a bad release happen to the whole system, and note when each stage of its rollback was over.

All processes are real: two services, drift processor, Prometheus and Alertmanager with generated rules, controller.
The processor and the services are asked themselves several times a second, since what Prometheus knows of them is
as old as its last scrape; everything else is read afterwards, from Prometheus' samples, the audit and the pointer.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks._rollback_stages import Limits, Marks, rows
from benchmarks._rows import Row, row
from otel_clinical.policy import load_policy
from otel_clinical.release import read_pointer
from otel_clinical.semconv import attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import EscalationLevel
from otel_clinical.simulate._commands import activate, practise, register
from otel_clinical.simulate._configs import INTERVAL
from otel_clinical.simulate._http import client
from otel_clinical.simulate._policy import Load, write_policy
from otel_clinical.simulate._stack import Stack
from otel_clinical.simulate._waiting import DeadlineError, wait_until
from otel_clinical.simulate.population import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from otel_clinical.simulate._observer import Observer

RUNS: Final = 3
DRILL: Final = 60.0
BAD: Final = "8"
_HOLD: Final = 1.0
_EXPORT: Final = 0.25
_RETRY: Final = 1.0
_WITHIN: Final = 90.0
_LOOK: Final = 0.15
_GLANCE: Final = 0.02
_NAME, _VALUE, _LEVEL, _VERSION = map(
    prometheus_label,
    (attributes.SEGMENT_NAME, attributes.SEGMENT_VALUE, attributes.ESCALATION_LEVEL, attributes.MODEL_VERSION),
)
_TIER: Final = EscalationLevel.ROLLBACK.value
_LINE: Final = re.compile(r"^(\w+)\{(.*)\} (\S+)", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')

Place = tuple[str, str]


class Probe:
    """Watch what only processor and services can tell exactly, from the moment a version is released.

    Args:
        stack: Running.
        bad: The version; it must not have served.
    """

    def __init__(self, stack: Stack, bad: str = BAD) -> None:
        self._stack, self.bad = stack, bad
        self._tier = load_policy(stack.layout.policy).models[MODEL].tiers[EscalationLevel.ROLLBACK]
        self._token = stack.layout.processor_token.read_text().strip()
        self._http, self._stop = client(), threading.Event()
        self._processor = ""
        self.first = self.counted = self.served = 0.0
        self.proved: dict[Place, float] = {}
        self.problem = ""
        self._threads = [threading.Thread(target=self._run, args=(act,)) for act in (self._inferences, self._evidence)]

    def start(self) -> None:
        """Begin to watch."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._http.close()

    def _run(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 -- said by whoever waits for the marks
            self.problem = f"{type(error).__name__}: {error}"

    def _inferences(self) -> None:
        self._until(lambda: self._serving() == self.bad, _GLANCE)
        self.first = self._until(lambda: any(self._counts(self.bad)), _GLANCE)
        self._until(lambda: self._serving() != self.bad, _GLANCE)
        back = self._serving()
        before = self._counts(back)
        self.served = self._until(
            lambda: all(now > then for now, then in zip(self._counts(back), before, strict=True)), _GLANCE
        )

    def _evidence(self) -> None:
        self._until(lambda: self.first > 0, _GLANCE)
        self._processor = self._address_of("processor")
        while not (self._stop.is_set() or self.served):
            self._note(self._shown())
            self._stop.wait(_LOOK)

    def _note(self, shown: list[tuple[str, dict[str, str], float]]) -> None:
        """Note which places are proved by what the processor shows now."""
        now = time.time()
        by: dict[str, dict[Place, float]] = {}
        for name, labels, value in shown:
            if labels.get(_VERSION) == self.bad and labels.get(_LEVEL, _TIER) == _TIER:
                by.setdefault(name, {})[labels.get(_NAME, ""), labels.get(_VALUE, "")] = value
        samples = by.get(metrics.EVIDENCE_SAMPLES.prometheus, {})
        if not self.counted and any(samples.values()):
            self.counted = now
        drops = by.get(metrics.DEGRADATION_RATIO.prometheus, {})
        for place, evidence in by.get(metrics.EVIDENCE.prometheus, {}).items():
            enough = samples.get(place, 0.0) >= self._tier.minimum_labels
            if evidence >= 1 and enough and drops.get(place, 0.0) >= self._tier.drop:
                self.proved.setdefault(place, now)

    def _until(self, seen: Callable[[], bool], every: float) -> float:
        """Return when something is seen; 0 where the probe is closed first."""
        while not self._stop.is_set():
            if seen():
                return time.time()
            self._stop.wait(every)
        return 0.0

    def _counts(self, version: str) -> list[float]:
        """Return how often a version has answered, by service."""
        return [
            sum(
                value
                for name, labels, value in self._read(f"{service.url}/metrics")
                if name == metrics.INFERENCES.prometheus and labels.get(_VERSION) == version
            )
            for service in self._stack.services
        ]

    def _serving(self) -> str:
        return read_pointer(self._stack.layout.pointer).version

    def _shown(self) -> list[tuple[str, dict[str, str], float]]:
        return self._read(self._processor, {"Authorization": f"Bearer {self._token}"})

    def _read(self, url: str, headers: dict[str, str] | None = None) -> list[tuple[str, dict[str, str], float]]:
        answer = self._http.get(url, headers=headers)
        answer.raise_for_status()
        found = _LINE.findall(answer.text)
        return [(name, dict(_LABEL.findall(labels)), float(value)) for name, labels, value in found]

    def _address_of(self, job: str) -> str:
        answer = self._http.get(f"{self._stack.prometheus.url}/api/v1/targets", params={"state": "active"})
        answer.raise_for_status()
        targets = answer.json()["data"]["activeTargets"]
        return next(str(target["scrapeUrl"]) for target in targets if target["labels"]["job"] == job)


def marks(probe: Probe, observer: Observer, pointer: Path) -> Marks:
    """Return when each stage of the rollback was over, read while everything still runs."""
    back = read_pointer(pointer)
    events = observer.audit()
    made = next(e for e in events if e["action"] == "change.made" and e["data"]["activation"] == back.activation)
    incident = next(one for one in observer.incidents() if one["id"] == made["object"])
    segment = incident["key"]["segment"]
    place = (segment["name"], segment["value"])
    mine = [event for event in events if event["object"] == incident["id"]]
    heard = [e["time"] for e in mine if e["action"] in {"incident.opened", "incident.escalated", "incident.reopened"}]
    (decided,) = [event["time"] for event in mine if event["action"] == "decision.rollback"]
    where = f'{_VERSION}="{probe.bad}",{_NAME}="{place[0]}",{_VALUE}="{place[1]}"'
    alert = f'ALERTS{{alertname="{incident["alert"]}",{where}'
    fired = _earliest(observer, f'{alert},alertstate="firing"}}')
    evidence = f'{metrics.EVIDENCE.prometheus}{{{where},{_LEVEL}="{_TIER}"}}'
    active = min(_earliest(observer, f'{alert},alertstate="pending"}}', otherwise=fired), fired)
    proved, scraped = seen_by_rule(probe.proved[place], observer.sampled(evidence, "3m"), active)
    return Marks(
        first=probe.first,
        counted=probe.counted,
        proved=proved,
        scraped=scraped,
        active=active,
        firing=fired,
        heard=max(at for at in heard if at <= decided),
        decided=decided,
        switched=back.activated_at,
        served=probe.served,
    )


def seen_by_rule(proved: float, samples: Sequence[float], active: float) -> tuple[float, float]:
    """Return when the processor showed the proof, and when the scrape began that brought it to the rule.

    A scrape bears the moment at which it began, and the probe the one at which it had read the page. Where both came at
    once the scrape looks older than the proof in it: then the newest one before the rule was true brought it.

    Args:
        proved: When the probe had first read the proof.
        samples: When the scrapes began.
        active: When the rule was true.

    Raises:
        LookupError: No scrape can have brought it.
    """
    later = [at for at in samples if proved <= at <= active]
    if later:
        return proved, min(later)
    earlier = [at for at in samples if at <= active]
    if not earlier:
        raise LookupError(f"no scrape before {active} holds the proof of {proved}")
    return min(proved, max(earlier)), max(earlier)


def _earliest(observer: Observer, selector: str, *, since: float = 0.0, otherwise: float | None = None) -> float:
    """Return the time of the first sample of a series, as Prometheus stored it."""
    found = [at for at in observer.sampled(selector, "3m") if at >= since]
    if not found and otherwise is None:
        raise LookupError(f"Prometheus holds no {selector} since {since}")
    return min(found, default=otherwise or 0.0)


@contextmanager
def _system(folder: Path, load: Load, seed: int) -> Iterator[tuple[Stack, Observer]]:
    """Run everything, with a rule that must be true for a second, until it has warmed up."""
    policy = write_policy(folder, load, seed)
    text = policy.read_text()
    held = text.replace("hold: {for: 0s", f"hold: {{for: {_HOLD:g}s")
    assert held != text, "the policy of the demonstration has another hold"
    policy.write_text(held)
    with Stack(folder, policy, load=load, seed=seed) as stack, stack.observer() as observer:
        register(stack.layout)
        wait_until(lambda: _warm(observer), within=_WITHIN, what="mature labels and a heartbeat", every=0.5)
        yield stack, observer


def _warm(observer: Observer) -> bool:
    view = observer.look()
    return view.here().performance is not None and view.heartbeat_at is not None


def measure(number: int) -> tuple[Marks, Limits, float]:
    """Release a bad version once; return when each stage was over, the limits, and what a drill took afterwards."""
    load = Load()
    with tempfile.TemporaryDirectory() as name, _system(Path(name), load, number) as (stack, observer):
        limits = limits_of(stack.layout.policy, load)
        probe = Probe(stack)
        probe.start()
        try:
            activate(stack.layout, BAD)
            wait_until(lambda: probe.served or probe.problem, within=_WITHIN, what="the previous version", every=0.1)
            if probe.problem:
                raise RuntimeError(probe.problem)
            found = marks(probe, observer, stack.layout.pointer)
            return found, limits, _practised(stack)
        except DeadlineError as error:
            raise RuntimeError(f"{error}{stack.problems()}") from None
        finally:
            probe.close()


def _practised(stack: Stack) -> float:
    """Practise a rollback on the system as it runs, and return what the one command took."""
    begun = time.monotonic()
    practise(stack.layout, stack.alertmanager.url, stack.controller.url)
    return time.monotonic() - begun


def limits_of(policy: Path, load: Load) -> Limits:
    """Return what each stage may take by the settings of the system."""
    found = load_policy(policy)
    model = found.models[MODEL]
    return Limits(
        maturity=model.labels.maturity,
        export=_EXPORT,
        slot=found.drift.slot + found.drift.lateness,
        proof=model.tiers[EscalationLevel.ROLLBACK].minimum_labels / (load.rate * load.labelled),
        interval=INTERVAL,
        hold=_HOLD,
        retry=_RETRY,
    )


def run(runs: int = RUNS) -> list[Row]:
    """Measure."""
    found = [measure(number) for number in range(runs)]
    drills = max(practised for *_, practised in found)
    return [
        *rows([one for one, *_ in found], found[0][1]),
        row(f"s of a drill, one command, {runs} times, slowest / 60", drills, DRILL, "<= 1"),
    ]
