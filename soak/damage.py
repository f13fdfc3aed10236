"""Damage a state directory at random, again and again: it is refused, or goes on with nothing missing."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_clinical.drift.kernel import CodecError
from otel_clinical.drift.runtime import StateDirectoryError
from otel_clinical.drift.runtime._entry import Signal
from otel_clinical.policy import Policy, load_policy
from otel_clinical.semconv import metrics
from otel_clinical.semconv.enums import ProcessorRejection
from soak._turns import Traffic
from tests.drift.runtime import _world
from tests.drift.runtime._harness import TRACES
from tests.drift.runtime.conftest import write_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.drift.runtime._pipeline import Pipeline

START: Final = 1_790_000_000.0
_ASIDE = metrics.PROCESSOR_REJECTIONS.prometheus, (ProcessorRejection.UNDECODABLE.value,)
_REFUSALS = (StateDirectoryError, CodecError)

Knowledge = dict[object, object]


@dataclass
class Result:
    """What became of damaged state directories.

    Attributes:
        outcomes: By what was done to which file, and what became of it.
        problems: Those that went on with something else than there was, and did not say so.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def damage(rounds: int, seed: int, *, say: Callable[[str], None] = lambda _line: None) -> Result:
    """Damage copies of two state directories, as a kill leaves them: all in the log, and most of it moved out of it.

    Args:
        rounds: How many copies.
        seed: Of everything random.
        say: Told about the progress.
    """
    chance, result = random.Random(seed), Result()
    with tempfile.TemporaryDirectory(prefix="otel-clinical-damage-") as name:
        folder = Path(name)
        policy = load_policy(write_policy(folder))
        sources, known = _write(folder, policy, seed)
        for number in range(rounds):
            copy = shutil.copytree(chance.choice(sources), folder / "copy")
            what = _spoil(copy, chance)
            became = _open(copy, policy, known)
            result.outcomes[what, became] += 1
            if became == _WRONG:
                result.problems.append(f"round {number}: {what}")
            shutil.rmtree(copy)
            if number % 1000 == 999:
                say(f"{number + 1:,} rounds")
    return result


_WRONG: Final = "WENT ON WITH SOMETHING ELSE"


def _write(folder: Path, policy: Policy, seed: int) -> tuple[list[Path], Knowledge]:
    """Return two copies of one state, with different parts of it in the log, and what is in it."""
    traffic = Traffic(seed, START)
    with closing(_world.open_pipeline(folder / "live", of=policy)) as pipeline:
        pipeline._store._backfill.close()  # noqa: SLF001 -- what is copied shall not change meanwhile
        for window in range(14):
            for path, body in traffic.in_order(window):
                signal = Signal.TRACES if path == TRACES else Signal.LOGS
                work = _world.work(signal, body, START + 86400.0)
                pipeline.apply(pipeline.commit([work]), [work])
            if window in {4, 9}:
                pipeline.checkpoint()
        shutil.copytree(folder / "live", folder / "in-log")
        pipeline._store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # noqa: SLF001
        shutil.copytree(folder / "live", folder / "moved")
        return [folder / "in-log", folder / "moved"], _knowledge(pipeline)


def _knowledge(pipeline: Pipeline) -> Knowledge:
    pipeline.checkpoint()
    return pipeline._store.states() | pipeline.tally.totals()  # noqa: SLF001


def _spoil(folder: Path, chance: random.Random) -> str:
    """Damage one file and return what was done to which."""
    file = chance.choice([one for one in folder.iterdir() if one.name != "state.lock" and one.stat().st_size])
    kind = chance.choices(["changed", "zeroed", "cut", "removed"], [6, 2, 2, 1])[0]
    content = bytearray(file.read_bytes())
    place = chance.randrange(len(content))
    length = min(chance.choice([1, 16, 512, 4096]), len(content) - place)
    if kind == "removed":
        file.unlink()
    else:
        if kind == "cut":
            del content[place:]
        else:
            content[place : place + length] = bytes(length) if kind == "zeroed" else chance.randbytes(length)
        file.write_bytes(content)
    return f"{file.name} {kind}"


def _open(folder: Path, policy: Policy, known: Knowledge) -> str:
    """Start on a damaged state and return what became of it."""
    try:
        pipeline = _world.open_pipeline(folder, of=policy)
    except _REFUSALS:
        return "refused in one sentence"
    with closing(pipeline):
        found = _knowledge(pipeline)
    if found == known:
        return "went on with nothing missing"
    return "went on, and counted what it set aside" if found.get(_ASIDE) else _WRONG
