"""What an inference costs the whole process at 2,000 calls a second, and what its worst call costs the caller.

The statistic was fixed before it was looked at; to change it is to begin anew.

- A round runs every set-up once, each in a process of its own, one after the other, against one receiver: 1,000
  calls to warm up, a flush, then 20,000 calls in 10 s, in which spans are exported ten times and metrics five times.
  There are 5 rounds.
- Processor time per call is that of all threads from the first of the 20,000 calls to the end of the flush after the
  last, less that of the same pace without telemetry in the same round.
- A call takes from its start to its return, by the wall clock. The worst call of a round is the longest of its 20,000:
  none is left out, whatever the machine did meanwhile.
- Every figure of a set-up is the median of its 5 rounds; a ratio is that of two such medians. One row without a must
  says beside that how the worst call of the quietest round compares: of a busy machine it tells less.

All set-ups freeze the objects of their start (`gc.freeze`), as a service may: a full collection of the program's own
objects takes longer than any telemetry and comes with any. `python -m benchmarks._paced unfrozen` measures the same
without that, for information.

The worst call is that of a caller who has the interpreter when it begins. What a caller waits for the interpreter
before is in the row of the longest delay, from the moment a call was due to its return.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks._paced_load import SETUPS
from benchmarks._rows import Row, row

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 5
MILLISECOND = 1000.0

Figures = dict[str, float]


def paced_rows(*options: str) -> list[Row]:
    """Measure as above; rows without a must only inform."""
    with _receiver() as port:
        rounds = [{name: _load(name, port, *options) for name in SETUPS} for _ in range(ROUNDS)]
    ours, stock = _figures(rounds, "ours"), _figures(rounds, "stock")
    return [
        row(
            "paced: processor us per call, all threads / stock with 8 instruments", ours["cpu"], stock["cpu"], "<= 0.8"
        ),
        row("paced: worst call us / same", ours["max"], stock["max"], "<= 0.2"),
        row("paced: worst call of the quietest round us / same", ours["quietest"], stock["quietest"]),
        row("paced: worst call us / 1 ms", ours["max"], MILLISECOND),
        row("paced: slowest of 1,000 calls us / stock", ours["p999"], stock["p999"]),
        row("paced: median call us / stock", ours["p50"], stock["p50"]),
        row("paced: worst delay from due to done us / stock", ours["late"], stock["late"]),
    ]


def _figures(rounds: list[dict[str, Figures]], name: str) -> Figures:
    found = {key: statistics.median(one[name][key] for one in rounds) for key in rounds[0][name]}
    found["quietest"] = min(one[name]["max"] for one in rounds)
    return found | {"cpu": statistics.median(one[name]["cpu"] - one["none"]["cpu"] for one in rounds)}


def _load(name: str, port: str, *options: str) -> Figures:
    command = [sys.executable, "-m", "benchmarks._paced_load", name, port, *options]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=120)  # noqa: S603 -- ours
    found: Figures = json.loads(done.stdout)
    return found


@contextmanager
def _receiver() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks._paced_sink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 -- ours
        try:
            if process.stdout is None:
                raise RuntimeError("the receiver has no output to read its port from")
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    from benchmarks._rows import table

    print(table(paced_rows(*sys.argv[1:])))
