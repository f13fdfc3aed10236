"""A state directory that becomes full or read-only while the controller runs: nothing is lost or done twice."""

from __future__ import annotations

import array
import fcntl
import os
import resource
import subprocess
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from otel_clinical.rollback import DATABASE
from otel_clinical.rollback.audit import open_read_only
from otel_clinical.rollback.store import Store
from otel_clinical.semconv import metrics
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import TOKEN, Controller, alert, fill_ledger, notification, value
from tests.rollback._prometheus import degraded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus

_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10
"""`FS_IOC_GETFLAGS`, `FS_IOC_SETFLAGS` and `FS_IMMUTABLE_FL` of linux/fs.h."""
Fault = "Callable[[Controller], AbstractContextManager[None]]"


def pid_of(controller: Controller) -> int:
    """Return the controller's own process, below the tether that ends it with the tests."""
    tether = controller.process.pid
    children = (Path("/proc") / str(tether) / "task" / str(tether) / "children").read_text().split()
    return int(children[0]) if children else tether


@contextmanager
def no_byte_more(controller: Controller) -> Iterator[None]:
    """Let no file of the process grow further, as a disk with nothing left does; needs no root."""
    free = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    limit = (controller.folder / "state" / f"{DATABASE}-wal").stat().st_size
    resource.prlimit(pid_of(controller), resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(pid_of(controller), resource.RLIMIT_FSIZE, free)


@contextmanager
def read_only(controller: Controller) -> Iterator[None]:
    """Make the open database immutable: its writes fail with EPERM as on a file system that was remounted."""
    files = [controller.folder / "state" / f"{DATABASE}{end}" for end in ("", "-wal")]
    for path in files:
        _flag(path, immutable=True)
    try:
        yield
    finally:
        for path in files:
            _flag(path, immutable=False)


@contextmanager
def filled(controller: Controller) -> Iterator[None]:
    """Fill the small file system that the state directory is."""
    if not os.path.ismount(controller.folder / "state"):
        pytest.skip("needs root: no file system could be mounted")
    rest = controller.folder / "state" / "rest"
    with rest.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    try:
        yield
    finally:
        rest.unlink()


def _flag(path: Path, *, immutable: bool) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        flags = array.array("l", [0])
        fcntl.ioctl(descriptor, _GET_FLAGS, flags)
        flags[0] = flags[0] | _IMMUTABLE if immutable else flags[0] & ~_IMMUTABLE
        fcntl.ioctl(descriptor, _SET_FLAGS, flags)
    except OSError as error:
        pytest.skip(f"needs root and a file system that knows immutable files: {error}")
    finally:
        os.close(descriptor)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[None]:
    """A state directory that is a file system of 8 MB of its own, where that is allowed."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(state)]
    done = subprocess.run(mount, capture_output=True, check=False)
    yield
    if done.returncode == 0:
        subprocess.run(["umount", "-l", str(state)], check=True)


def page(controller: Controller) -> str:
    """Return the first page as somebody sees it who has logged in."""
    with httpx.Client(base_url=controller.url, trust_env=False, timeout=30) as client:
        client.post("/login", data={"token": TOKEN, "name": "ana"})
        return client.get("/").raise_for_status().text


def ready(controller: Controller) -> str:
    """Return why the controller is not ready, or an empty string where it is."""
    return str(httpx.get(f"{controller.url}/readyz", trust_env=False, timeout=30).json().get("reason", ""))


def counts(controller: Controller) -> tuple[int, ...]:
    """Return how many webhooks, alerts, orders, incidents and audit events are stored."""
    tables = "webhooks", "alerts", "orders", "incidents", "audit"
    query = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)  # noqa: S608 -- constants
    with open_read_only(controller.folder / "state" / DATABASE) as connection:
        return tuple(connection.execute(f"SELECT {query}").fetchone())


@pytest.mark.parametrize("fails", [no_byte_more, filled, read_only])
def test_a_disk_that_fails_while_it_runs_loses_nothing_and_is_over_without_a_restart(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path, fails: Fault, request: pytest.FixtureRequest
) -> None:
    if fails is filled:
        request.getfixturevalue("small")
    fill_ledger(tmp_path / "state", terms)
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.2", "--retry=0.2", "--watch=0.1"), ledger=False)
    controller.start()
    try:
        wait_until(lambda: not ready(controller), within=60, what="the controller to be ready")
        status = metrics.ROLLBACK_STORE_STATUS.prometheus
        assert value(controller, status) == 1
        with fails(controller):
            wait_until(lambda: "cannot be written" in ready(controller), within=60, what="it to say so")
            assert value(controller, status) == 0
            assert "The machine does nothing now" in page(controller)
            before = counts(controller)
            labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
            body = notification(alert(labels))
            for path, content in (("/v1/alertmanager", body), ("/v1/heartbeat", b"{}")):
                answer = controller.post(content, path=path)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            order = b'{"by": "ana", "reason": "planned work", "seconds": 60}'
            asked = controller.post(order, path="/v1/models/coding/freeze", **{"idempotency-key": "1"})
            assert asked.status_code == 503
            assert counts(controller) == before
            assert controller.pointer().version == "8"
        wait_until(lambda: not ready(controller), within=60, what="the controller to go on")
        assert value(controller, status) == 1
        assert "The machine does nothing now" not in page(controller)
        assert controller.post(body).status_code == 202
        controller.wait_state("converging", "verifying")
        assert (controller.pointer().version, controller.pointer().epoch) == ("7", 3)
        assert counts(controller)[0] == 1
        controller.verify_audit()
    finally:
        controller.process.stop()


def test_a_rollback_on_the_way_when_the_disk_fails_is_made_once(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    """The change itself is stopped before its intent is on disk, or found by its marker after it was made."""
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.2", "--retry=0.2", "--watch=0.1"))
    controller.start()
    try:
        labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
        body = notification(alert(labels))
        assert controller.post(body).status_code == 202
        with no_byte_more(controller):
            wait_until(lambda: "cannot be written" in ready(controller), within=60, what="it to say so")
        controller.wait_state("converging", "verifying")
        assert (controller.pointer().version, controller.pointer().epoch) == ("7", 3)
        with closing(Store(tmp_path / "state")) as store:
            made = [event for event in store.audit_events(0, 1000) if event.action == "change.made"]
        assert len(made) == 1
        controller.verify_audit()
    finally:
        controller.process.stop()
