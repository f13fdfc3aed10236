"""Run one soak, such as `scripts/soak processor` or `rollback`; exits 1 if anything is not as it must be."""

from __future__ import annotations

import argparse
import hashlib
import logging
import statistics
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named soak; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="of everything random")
    kinds = parser.add_subparsers(dest="kind", required=True)
    kills = kinds.add_parser("processor", help="kill -9 under load; the evidence must not show it")
    kills.add_argument("--kills", type=int, default=1000)
    fuzz = kinds.add_parser("fuzz", help="mutated requests over both protocols; every answer must be typed")
    fuzz.add_argument("--requests", type=int, default=1_000_000)
    fuzz.add_argument("--minutes", type=float, default=float("inf"), help="stop after so many, however far it is")
    damage = kinds.add_parser("damage", help="random damage to the state directory; none of it may go unnoticed")
    damage.add_argument("--rounds", type=int, default=10_000)
    rollback = kinds.add_parser("rollback", help="kill -9 of the controller; each rollback happens exactly once")
    rollback.add_argument("--kills", type=int, default=1000)
    rollback.add_argument("--duplicates", type=int, default=10_000, help="webhooks to acknowledge at least")
    day = kinds.add_parser("rollback-day", help="a day of repetitions of one alert; one incident, one change")
    day.add_argument("--hours", type=float, default=24.0, help="of the controller's clock")
    day.add_argument("--speed", type=float, default=480.0, help="how many times as fast as ours that clock runs")
    chosen = parser.parse_args(arguments)
    if chosen.kind == "rollback-day":
        return _rollback_day(chosen.hours, chosen.speed, chosen.seed)
    if chosen.kind == "rollback":
        return _rollback(chosen.kills, chosen.duplicates, chosen.seed)
    if chosen.kind == "fuzz":
        return _fuzz(chosen.requests, chosen.seed, chosen.minutes)
    if chosen.kind == "damage":
        return _damage(chosen.rounds, chosen.seed)
    return _processor(chosen.kills, chosen.seed)


def _processor(kills: int, seed: int) -> int:
    from soak.processor import soak  # noqa: PLC0415

    started = time.monotonic()
    result = soak(kills, seed, say=lambda line: print(line, file=sys.stderr, flush=True))
    assert result.knowledge is not None
    print(f"seed {seed}, {time.monotonic() - started:.0f} s, {result.turns} turns, {result.knowledge.events}")
    for how, count in sorted(result.kills.items()):
        print(f"{count:6} kills {how}")
    print(f"{result.kills.total():6} kills in all")
    if result.restarts:
        print(f"median start to ready {statistics.median(result.restarts):.3f} s")
    print(f"sha256 of the evidence {hashlib.sha256(result.knowledge.evidence).hexdigest()}")
    for line in result.differences:
        print(f"DIFFERENT: {line}")
    print("differences: none, byte by byte" if not result.differences else f"differences: {len(result.differences)}")
    return 1 if result.differences else 0


def _rollback(kills: int, duplicates: int, seed: int) -> int:
    from soak.rollback import soak  # noqa: PLC0415

    started = time.monotonic()
    result = soak(kills, duplicates, seed, say=lambda line: print(line, file=sys.stderr, flush=True))
    print(f"seed {seed}, {time.monotonic() - started:.0f} s, {result.stories} rollbacks")
    for how, count in sorted(result.kills.items()):
        print(f"{count:6} kills {how}")
    print(f"{result.kills.total():6} kills in all")
    for when, count in sorted(result.found.items()):
        print(f"{count:6} lives ended with the rollback {when}")
    print(
        f"{result.acknowledged:6} webhooks acknowledged, {result.recorded} in the audits, {result.events} audit events"
    )
    for line in result.problems:
        print(f"PROBLEM: {line}")
    print(f"double {result.double}, lost {result.lost}, problems {len(result.problems)}")
    return 1 if result.problems else 0


def _rollback_day(hours: float, speed: float, seed: int) -> int:
    from soak.rollback_day import soak  # noqa: PLC0415

    started = time.monotonic()
    day = soak(hours, speed, seed, say=lambda line: print(line, file=sys.stderr, flush=True))
    print(f"seed {seed}, {time.monotonic() - started:.0f} s for {hours:g} hours")
    print(f"{day.posted} webhooks, {day.refused} refused, {day.restarts} restarts")
    print(f"{day.incidents} incidents, {day.made} changes, epoch {day.epoch}")
    print(f"resident MiB by hour since the last restart: {', '.join(f'{size:.1f}' for size in day.memory)}")
    print(f"at the end of the day {day.day}")
    print(f"a month later {day.later}")
    return _judged(day.problems)


def _fuzz(requests: int, seed: int, minutes: float) -> int:
    from soak.fuzz import fuzz  # noqa: PLC0415

    started = time.monotonic()
    result = fuzz(requests, seed, seconds=60 * minutes, say=lambda line: print(line, file=sys.stderr, flush=True))
    print(f"seed {seed}, {time.monotonic() - started:.0f} s, {result.answers.total():,} requests")
    for answer, count in sorted(result.answers.items()):
        print(f"{count:10,} {answer}")
    print(f"events {result.events}")
    print(f"rejections {result.rejections}")
    print(f"resident memory {result.memory[0]:.0f} MiB once it is warm, {result.memory[1]:.0f} MiB at most after it")
    return _judged(result.problems)


def _damage(rounds: int, seed: int) -> int:
    from soak.damage import damage  # noqa: PLC0415

    logging.getLogger("otel_clinical").setLevel(logging.CRITICAL)  # it says of each copy what is wrong with it

    started = time.monotonic()
    result = damage(rounds, seed, say=lambda line: print(line, file=sys.stderr, flush=True))
    print(f"seed {seed}, {time.monotonic() - started:.0f} s, {rounds:,} damaged copies")
    for (what, became), count in sorted(result.outcomes.items()):
        print(f"{count:8,} {what}: {became}")
    return _judged(result.problems)


def _judged(problems: Sequence[str]) -> int:
    """Print what is not as it must be, and return the exit status."""
    for line in problems:
        print(f"PROBLEM: {line}")
    print("problems: none" if not problems else f"problems: {len(problems)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
