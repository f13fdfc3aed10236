"""A running processor tells a drop that others share from one of a version: over models, sources and segments."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from otel_clinical.semconv import metrics
from tests.drift import _wire
from tests.drift.runtime._harness import LOGS, TRACES, running, send
from tests.drift.runtime.conftest import write_policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

DAY = 86_400.0
EVERY = 600.0
"""Seconds between two inferences of a model."""
BATCH = 40
"""Inferences in one request: none of them is later than the lateness."""
ENDS = 5.0
"""Day on which the story ends."""
ACTIVATED = {"coding": 1.0, "triage": 1.0, "sepsis": 0.1, "imaging": 4.0}
"""Day on which version 8 takes over."""
DROPS = {"coding": 1.0, "triage": 1.0, "sepsis": 2.5, "imaging": 4.0}
"""Day on which half of the answers begin to be wrong; of sepsis those about one source only."""
CAUSE, SEGMENT = "clinical_ai_attribution_cause", "clinical_ai_segment_name"


def write_fleet(folder: Path) -> Path:
    """Write a policy of four models that were accepted on the same outcomes."""
    path = write_policy(folder)
    policy = yaml.safe_load(path.read_text().replace("lateness: 5s", "lateness: 2h"))
    coding = policy["models"]["coding"]
    coding["rollback"].pop("follow")
    baseline = json.loads((folder / "baseline.json").read_text())
    for name in DROPS:
        (folder / f"{name}.json").write_text(json.dumps(baseline | {"model": name}))
        rollback = coding["rollback"] | {"attribution_window": "1d", "target": {"kind": "file", "path": f"{name}.p"}}
        policy["models"][name] = coding | {"baseline": {"file": f"{name}.json"}, "rollback": rollback}
    path.write_text(yaml.safe_dump(policy, sort_keys=False))
    return path


def story(name: str, place: int, start: float) -> Iterator[tuple[Span, LogRecord]]:
    """Yield every inference of a model with its outcome."""
    for turn in range(int(ENDS * DAY / EVERY)):
        day, at = turn * EVERY / DAY, start + turn * EVERY + place
        source = ("ehr-a", "ehr-b")[turn % 2]
        touched = day >= DROPS[name] and (name != "sepsis" or source == "ehr-a")
        wrong = turn // 2 % (2 if touched else 40) == 0
        new = day >= ACTIVATED[name]
        about = {
            "model": name,
            "version": "8" if new else "7",
            "activation": 1 + new,
            "segments": _wire._SEGMENTS | {"source_system": source},
        }
        number = 100_000 * place + turn
        result = "incorrect" if wrong else "correct"
        told = _wire.outcome(number, at + 60.0, inferred=at, result=result, score=float(not wrong), **about)
        yield _wire.span(number, at, **about), told


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """Return the cause of every drop that a processor found, by model and segment value."""
    folder = tmp_path_factory.mktemp("fleet")
    start = time.time() - 6 * DAY
    with running(folder / "processor", write_fleet(folder)) as processor:
        every = [one for place, name in enumerate(DROPS) for one in story(name, place, start)]
        every.sort(key=lambda one: one[0].start_time_unix_nano)
        for first in range(0, len(every), BATCH):
            part = every[first : first + BATCH]
            send(processor, TRACES, _wire.traces(span for span, _ in part))
            send(processor, LOGS, _wire.logs(told for _, told in part))
        send(
            processor,
            TRACES,
            _wire.traces([_wire.span(999_999, start + (ENDS + 0.2) * DAY, version="8", activation=2)]),
        )
        processor.settle()
        found = {}
        for (name, labels), value in processor.metrics().items():
            named = dict(labels)
            if name == metrics.ATTRIBUTION_STATUS.prometheus and value == 1.0:
                stream = named["clinical_ai_model_name"], named["clinical_ai_segment_value"]
                assert named["clinical_ai_model_version"] == "8"
                found[stream] = named[CAUSE]
        return found


def test_models_that_drop_together_blame_what_they_share_although_each_began_with_a_new_version(verdicts) -> None:
    assert {verdicts["coding", "all"], verdicts["triage", "all"]} == {"environment"}


def test_a_model_that_drops_by_itself_after_an_activation_blames_the_version(verdicts) -> None:
    assert verdicts["imaging", "all"] == "version"


def test_a_drop_that_one_source_carries_while_another_is_unharmed_is_put_down_to_the_input(verdicts) -> None:
    assert verdicts["sepsis", "ehr-a"] == "input"
    assert ("sepsis", "ehr-b") not in verdicts


def test_segments_share_the_verdict_of_their_model(verdicts) -> None:
    for model, cause in (("coding", "environment"), ("imaging", "version")):
        assert {verdicts[model, value] for value in ("medicare", "medicine", "h01")} == {cause}
