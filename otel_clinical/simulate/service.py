"""Run the coding service of some hospitals: ``python -m otel_clinical.simulate.service --help``.

It reads the world file for what is true, as nature would have it; everybody else sees only the telemetry.
"""

from __future__ import annotations

import argparse
import random
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_clinical.sdk import configure
from otel_clinical.simulate._coder import decorated_coder
from otel_clinical.simulate._labels import LateTruth
from otel_clinical.simulate._practice import Practice
from otel_clinical.simulate.population import Arrivals
from otel_clinical.simulate.truth import TruthFile

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXPORT_EVERY: Final = 0.25
# There is no Collector with a persistent queue in between: the service itself bridges a restart of the processor.
_EXPORT_WITHIN: Final = 45.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then send what is left and end."""
    options = _options(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    handle = configure(
        service=options.name,
        policy=options.policy,
        endpoint=options.processor,
        token=options.token_file.read_text().strip(),
        metrics=f"prometheus:{options.port}",
        receipt_keys={"demo": bytes.fromhex(options.receipt_keys.read_text().strip())},
        schedule_delay=_EXPORT_EVERY,
        timeout=_EXPORT_WITHIN,
    )
    try:
        _practice(options).work(options.rate, stop)
    finally:
        handle.shutdown(5.0)


def _practice(options: argparse.Namespace) -> Practice:
    nature, reviewers = random.Random(f"nature-{options.seed}"), random.Random(f"reviewers-{options.seed}")
    return Practice(
        decorated_coder(options.pointer),
        Arrivals(nature, tuple(options.sites.split(","))),
        TruthFile(options.world),
        LateTruth(nature, options.maturity, options.labelled),
        reviewers,
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m otel_clinical.simulate.service", description=main.__doc__)
    parser.add_argument("--name", required=True, help="service.name of the telemetry")
    parser.add_argument("--sites", required=True, help="hospitals, separated by commas")
    parser.add_argument("--policy", required=True, type=Path, help="policy file")
    parser.add_argument("--world", required=True, type=Path, help="file that says what is true now")
    parser.add_argument("--pointer", required=True, type=Path, help="release pointer")
    parser.add_argument("--processor", required=True, help="OTLP/HTTP address of the drift processor")
    parser.add_argument("--token-file", required=True, type=Path, help="secret for the drift processor")
    parser.add_argument("--receipt-keys", required=True, type=Path, help="key that signs receipts, hexadecimal")
    parser.add_argument("--port", required=True, type=int, help="port for Prometheus to scrape")
    parser.add_argument("--rate", required=True, type=float, help="inferences per second")
    parser.add_argument("--maturity", required=True, type=float, help="seconds until the truth is complete")
    parser.add_argument("--labelled", required=True, type=float, help="share of inferences that are ever labelled")
    parser.add_argument("--seed", required=True, help="decides what nature draws")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
