"""Write the state that stands for the newest schema: `python -m tests.drift.runtime._golden`.

Run it once for each new schema, with the commit that brings it, and never again for an older one: what later
programs must read is what was written then.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.runtime._entry import Signal
from otel_clinical.drift.runtime._pipeline import Pipeline
from otel_clinical.drift.runtime._schema import VERSION
from otel_clinical.drift.runtime.store import Store
from otel_clinical.policy import load_baseline, load_policy
from tests.drift import _wire
from tests.drift.runtime import _world
from tests.drift.runtime._harness import TRACES
from tests.drift.runtime._traffic import make_traffic

FOLDER = Path(__file__).parent / "golden"
WAITING = 10
"""Requests that were acknowledged and not yet applied when the file was left."""


def write() -> Path:
    """Write the file of the newest schema and return its path."""
    policy = load_policy(FOLDER / "policy.yaml")
    baselines = {"coding": load_baseline(FOLDER / "baseline.json")}
    works = [
        _world.work(Signal.TRACES if path == TRACES else Signal.LOGS, body, _wire.START + 10_000)
        for path, body in make_traffic(_wire.START).requests
    ]
    with tempfile.TemporaryDirectory() as folder:
        with closing(Pipeline(Store(Path(folder)), lambda: Kernel(policy, baselines))) as pipeline:
            for work in works[:-WAITING]:
                pipeline.apply(pipeline.commit([work]), [work])
            pipeline.checkpoint()
            for work in works[-WAITING:]:
                pipeline.commit([work])
        made = FOLDER / f"schema-{VERSION}.db.gz"
        made.write_bytes(gzip.compress((Path(folder) / "state.db").read_bytes(), mtime=0))
    return made


if __name__ == "__main__":
    sys.stdout.write(f"{write()}\n")
