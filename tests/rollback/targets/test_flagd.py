"""A flag file, read by the real OpenFeature provider."""

from __future__ import annotations

import fcntl
import json
import os
import queue
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from otel_clinical.rollback.targets import Swapped, Unreachable
from tests.rollback.targets._places import FlagdPlace
from tests.rollback.targets._programs import built, ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MARK = "otel-clinical/4/7"


@pytest.fixture
def flags(tmp_path: Path) -> FlagdPlace:
    return FlagdPlace(tmp_path)


@pytest.fixture
def client(flags: FlagdPlace) -> Iterator[object]:
    """Return a client of a real provider that polls the file every 50 ms."""
    flagd = pytest.importorskip("openfeature.contrib.provider.flagd")
    from openfeature import api  # noqa: PLC0415 -- an extra
    from openfeature.contrib.provider.flagd.config import ResolverType  # noqa: PLC0415

    provider = flagd.FlagdProvider(
        resolver_type=ResolverType.FILE, offline_flag_source_path=str(flags.path), deadline_ms=50
    )
    api.set_provider_and_wait(provider)
    yield api.get_client()
    api.shutdown()


def _becomes(client, version: str) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if client.get_string_value("coding", "none") == version:
            return True
        time.sleep(0.02)
    return False


def test_a_provider_sees_the_change(flags: FlagdPlace, client) -> None:
    assert client.get_string_value("coding", "none") == "8"
    flags.target.swap(flags.target.read(), "7", MARK)
    assert _becomes(client, "7")


def test_a_provider_sees_the_change_though_the_file_is_from_the_future(flags: FlagdPlace, client) -> None:
    later = time.time() + 3_600
    os.utime(flags.path, (later, later))
    flags.move("8")
    os.utime(flags.path, (later, later))
    assert _becomes(client, "8")
    flags.target.swap(flags.target.read(), "7", MARK)
    assert flags.path.stat().st_mtime > later
    assert _becomes(client, "7")


@pytest.fixture
def daemon(flags: FlagdPlace) -> Iterator[Callable[[str, str], bool]]:
    """Return what waits until flagd's own reader of the file says a word under a key."""
    binary, missing = built("flagd")
    if binary is None:
        pytest.skip(missing)
    with subprocess.Popen([binary, flags.path, "coding"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=lambda: [told.put(line) for line in process.stdout if line.strip()])
        reader.start()
        try:
            yield lambda key, word: any(json.loads(told.get(timeout=60)).get(key) == word for _ in range(20))
        finally:
            ended(process)
            reader.join()


def test_flagd_itself_sees_each_change_and_takes_the_file_as_it_is_written(flags: FlagdPlace, daemon) -> None:
    """It watches the file, which is replaced under it, and checks it by its schema."""
    assert daemon("value", "8")
    for version in ("7", "8", "7"):
        assert isinstance(flags.target.swap(flags.target.read(), version, f"otel-clinical/4/{version}"), Swapped)
        assert daemon("value", version)


def test_flagd_itself_does_not_do_what_the_preflight_refuses(flags: FlagdPlace, daemon) -> None:
    assert daemon("reason", "STATIC")
    flags.target._write({"flags": {"coding": _flag(flags) | {"targeting": {"if": [True, "8", None]}}}})
    assert daemon("reason", "TARGETING_MATCH")
    flags.target.swap(flags.target.read(), "7", MARK)
    assert daemon("value", "8"), "the default does not decide"
    flags.target._write({"flags": {"coding": _flag(flags) | {"state": "DISABLED"}}})
    assert daemon("error", "FLAG_DISABLED")


def _flag(flags: FlagdPlace) -> dict[str, object]:
    found: dict[str, object] = json.loads(flags.path.read_text())["flags"]["coding"]
    return found


def test_leaves_everything_else_in_the_file_as_it_is(flags: FlagdPlace) -> None:
    flags.edit(metadata={"team": "coding-ai"})
    flags.path.chmod(0o640)
    before = json.loads(flags.path.read_text())
    flags.target.swap(flags.target.read(), "7", MARK)
    after = json.loads(flags.path.read_text())
    assert after["flags"]["other"] == before["flags"]["other"]
    assert after["flags"]["coding"]["variants"] == before["flags"]["coding"]["variants"]
    assert after["flags"]["coding"]["metadata"]["team"] == "coding-ai"
    assert flags.path.stat().st_mode & 0o777 == 0o640
    assert {path.name for path in flags.path.parent.iterdir()} == {"flags.json", "flags.json.lock"}


def test_any_change_of_the_flag_is_a_conflict_and_none_of_another(flags: FlagdPlace) -> None:
    expected = flags.target.read()
    flags.edit(metadata={"note": "somebody was here"})
    assert not isinstance(flags.target.swap(expected, "7", MARK), Swapped)
    expected = flags.target.read()
    content = json.loads(flags.path.read_text())
    content["flags"]["other"]["defaultVariant"] = "on"
    flags.path.write_text(json.dumps(content))
    assert isinstance(flags.target.swap(expected, "7", MARK), Swapped)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"targeting": {"if": [True, "7"]}}, "targeting"),
        ({"state": "DISABLED"}, "ENABLED"),
        ({"variants": {"8": "8"}}, "no variant 7"),
    ],
)
def test_the_preflight_names_what_would_keep_the_default_from_deciding(flags: FlagdPlace, change, named) -> None:
    flags.edit(**change)
    assert named in " ".join(flags.target.preflight("7"))


def test_a_lock_that_stays_taken_is_unreachable(flags: FlagdPlace) -> None:
    with (flags.path.with_name("flags.json.lock")).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Unreachable, match="locked by another process"):
            flags.target.swap(flags.target.read(), "7", MARK)


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"flags": {}}', '{"flags": []}', '{"flags": {"coding": {"variants": 1}}}']
)
def test_a_file_without_the_flag_is_unreachable(flags: FlagdPlace, content: str) -> None:
    flags.path.write_text(content)
    with pytest.raises(Unreachable):
        flags.target.read()
