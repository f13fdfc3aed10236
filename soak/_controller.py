"""A controller that is forked, killed and forked again over one state directory, and what it leaves there."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.release import read_pointer
from otel_clinical.rollback import DATABASE, activate_version, verify_file
from otel_clinical.rollback.audit import open_read_only
from otel_clinical.simulate._waiting import wait_until
from tests.rollback._controller import TOKEN, fill_ledger, terms_of
from tests.rollback._prometheus import FakePrometheus, degraded, recovered

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.audit import Checkpoint
    from soak._nursery import Born, Nursery

_HEADERS: Final = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
_START: Final = 60.0


class EndedError(RuntimeError):
    """The controller ended in a way nobody asked for."""


@dataclass(frozen=True)
class Left:
    """What a dead controller leaves on the disk.

    Attributes:
        head: Of the audit, whose chain is valid.
        received: Webhooks that the audit tells of.
        incidents: How many there are.
        made: Changes that the audit tells of.
        pointer: The release pointer.
        mark: Highest epoch that was ever about to be written: a kill just before it is leaves a gap, no change.
        waiting: Alerts that nobody has looked at.
        states: Of the incidents.
    """

    head: Checkpoint
    received: int
    incidents: int
    made: int
    pointer: ReleasePointer
    mark: int
    waiting: int
    states: tuple[str, ...]


class MortalController:
    """Version 8 of a model in service after version 7 and degraded, and the controller that watches it.

    Args:
        nursery: Forks every life.
        folder: Of all files.
        address: Host and port to listen on, the same in every life.
        retry: Seconds between the two confirmations.
        prometheus: What it asks; one of its own otherwise.
    """

    def __init__(
        self,
        nursery: Nursery,
        folder: Path,
        address: tuple[str, int],
        *,
        retry: float = 0.05,
        prometheus: FakePrometheus | None = None,
    ) -> None:
        folder.mkdir()
        self.folder, self.address = folder, address
        self._nursery, self._retry = nursery, retry
        self._born: Born | None = None
        self.terms = terms_of(folder)
        (folder / "tokens").write_text(f"{TOKEN}\n")
        now = time.time()
        activate_version(self.terms, "7", by="soak", at=now - 86_400)
        activate_version(self.terms, "8", by="soak", at=now - 60)
        fill_ledger(folder / "state", self.terms)
        self.prometheus = prometheus or FakePrometheus()
        self.labels = degraded(self.prometheus, baseline=self.terms.baseline_hash, change_point=now - 30)

    @property
    def database(self) -> Path:
        """The controller's database."""
        return self.folder / "state" / DATABASE

    @property
    def errors(self) -> str:
        """What it complained of, in all its lives."""
        return (self.folder / "stderr").read_text()

    def launch(self, fault: str = "") -> None:
        """Begin a life and return at once."""
        host, port = self.address
        words = ["rollback", "serve", f"--policy={self.folder / 'policy.yaml'}", f"--state={self.folder / 'state'}"]
        words += [f"--listen={host}:{port}", f"--token-file={self.folder / 'tokens'}"]
        words += [f"--prometheus={self.prometheus.url}", f"--retry={self._retry}", "--watch=0.05", "--pull=3600"]
        (self.folder / "stdout").write_bytes(b"")  # or the line of the life before would be taken for its own
        environment = {"OTEL_CLINICAL_FAULT": fault, "OTEL_CLINICAL_DEBUG": "1"}
        self._born = self._nursery.fork(words, environment, self.folder / "stdout", self.folder / "stderr")

    def wait_ready(self) -> None:
        """Return when it hears alerts, or is dead by its fault point."""
        out = self.folder / "stdout"
        wait_until(lambda: out.read_bytes().endswith(b"\n") or self.dead, within=_START, what="a start", every=0.005)

    @property
    def dead(self) -> bool:
        """Whether this life is over; raises `EndedError` where nothing killed it."""
        assert self._born is not None
        code = self._born.poll()
        if code not in {None, -9}:
            raise EndedError(f"it ended by itself with {code}: {self.errors[-4000:]}")
        return code is not None

    def kill(self) -> None:
        """End this life without warning."""
        if not self.dead:
            assert self._born is not None
            self._born.kill()
            self._born.wait(_START)

    def close(self) -> None:
        """Leave nothing behind."""
        if self._born is not None:
            with suppress(EndedError):
                self.kill()
        self.prometheus.close()

    def post(self, body: bytes) -> bool:
        """Send a webhook; tell whether it was acknowledged."""
        with closing(http.client.HTTPConnection(*self.address, timeout=20)) as connection:
            try:
                connection.request("POST", "/v1/alertmanager", body, _HEADERS)
                return connection.getresponse().status == 202
            except (OSError, http.client.HTTPException):
                return False

    def recover(self) -> None:
        """Let the restored version do well."""
        recovered(self.prometheus, activation=self.pointer().activation)

    def pointer(self) -> ReleasePointer:
        """Return the release pointer."""
        return read_pointer(self.terms.pointer)

    def mark(self) -> int:
        """Return the epoch that is noted beside the pointer before it is written."""
        return int(Path(f"{self.terms.pointer}.lock").read_text().split()[0])

    def states(self) -> list[str]:
        """Return the states of the incidents, as the database has them."""
        with open_read_only(self.database) as connection:
            rows = connection.execute("SELECT data FROM incidents ORDER BY id").fetchall()
        return [json.loads(data)["state"] for (data,) in rows]

    def left(self, before: Checkpoint | None) -> Left:
        """Read what is on the disk; raises `AuditBrokenError` where the chain is broken or lacks `before`."""
        head = verify_file(self.database, before)
        with open_read_only(self.database) as connection:

            def count(query: str) -> int:
                row: tuple[Any, ...] = connection.execute(query).fetchone()
                return int(row[0])

            received = count("SELECT count(*) FROM audit WHERE action = 'webhook.received'")
            made = count("SELECT count(*) FROM audit WHERE action = 'change.made'")
            waiting = count("SELECT count(*) FROM alerts WHERE processed IS NULL")
        states, pointer = self.states(), self.pointer()
        return Left(head, received, len(states), made, pointer, self.mark(), waiting, tuple(states))
