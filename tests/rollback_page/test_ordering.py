"""What people order about a model through a program: once, under their own names, and two where it takes two."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest

from otel_clinical.cli._frame import run
from otel_clinical.release import force_manual_path, read_pointer, swap_pointer
from otel_clinical.rollback import activate_version
from otel_clinical.rollback.openapi import document
from otel_clinical.rollback.ordering import TAKEN
from otel_clinical.rollback.orders import TWO_PEOPLE
from otel_clinical.rollback.persons import Asked, new_key, sign
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import TOKEN, Controller, terms_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus

WHY = {"reason": "new forms since today"}


@dataclass
class Office:
    """A controller and the people who may order."""

    controller: Controller
    terms: Terms
    folder: Path
    keys: Iterator[int] = field(default_factory=count)

    def order(self, kind: str, who: str = "", key: str | None = None, **body: Any) -> httpx.Response:
        """Send an order: signed by `who`, or else with the token."""
        path, content = f"/v1/models/coding/{kind}", json.dumps({**WHY, **body}).encode()
        asked = Asked(path, key or f"key-{next(self.keys)}", content)
        signed = sign(self.folder / who, asked, time.time()) if who else f"Bearer {TOKEN}"
        headers = {"authorization": signed, "idempotency-key": asked.idempotency, "content-type": "application/json"}
        answer = httpx.post(self.controller.url + path, content=content, headers=headers, timeout=30, trust_env=False)
        conforms(answer, kind)
        return answer

    def model(self) -> dict[str, Any]:
        found: dict[str, Any] = self.controller.get("/v1/models/coding")
        return found

    def standing(self, kind: str) -> bool:
        return any(item["kind"] == kind and item["in_force"] for item in self.model()["orders"])

    def audited(self, action: str) -> list[dict[str, Any]]:
        events = self.controller.get("/v1/audit")["events"]
        return [event["data"] for event in events if event["action"] == action]


def conforms(answer: httpx.Response, kind: str) -> None:
    paths = document()["paths"]
    told = paths.get(f"/v1/models/{{model}}/{kind}", paths["/v1/models/{model}/arm"])["post"]["responses"]
    schema = told[str(answer.status_code)]["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator({"components": document()["components"], **schema}).validate(answer.json())


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    from tests.rollback._prometheus import FakePrometheus  # noqa: PLC0415 -- the fixture lives as long as the module

    folder, prometheus = tmp_path_factory.mktemp("office"), FakePrometheus()
    yield from _opened(folder, prometheus)
    prometheus.close()


@pytest.fixture
def own_office(tmp_path: Path, prometheus: FakePrometheus) -> Iterator[Office]:
    """An office for one test that changes what serves."""
    yield from _opened(tmp_path, prometheus)


def _opened(folder: Path, prometheus: FakePrometheus) -> Iterator[Office]:
    terms = terms_of(folder)
    for version, age in (("7", 86_400.0), ("8", 60.0)):
        activate_version(terms, version, by="tests", at=time.time() - age)
    lines = [f"{new_key(folder / name)} governance {name}" for name in ("ana", "ben")]
    (folder / "people").write_text("\n".join(lines) + "\n")
    options = ("--pull=0.5", "--retry=0.2", "--watch=0.1", f"--people={folder / 'people'}")
    controller = Controller(folder, prometheus.url, options)
    controller.start()
    office = Office(controller, terms, folder)
    wait_until(lambda: office.standing("armed"), within=60, what="the controller to be armed")
    yield office
    controller.process.stop()


def test_two_people_disarm_and_arm_under_their_own_names(office: Office) -> None:
    for kind, stands in (("disarm", True), ("arm", False)):
        first = office.order(kind, "ana")
        assert (first.status_code, first.json()["by"], first.json()["second_within"]) == (202, "ana", 3600)
        assert office.order(kind, "ben").status_code == 202
        wait_until(lambda s=stands: office.standing("disarm") is s, within=60, what=f"{kind} to be taken up")
    assert office.audited("order.disarm")[-1]["by"] == ["ana", "ben"]


def test_one_person_twice_is_not_two(office: Office) -> None:
    before = len(office.audited("order.refused"))
    for _ in range(2):
        assert office.order("freeze_rollback", "ana", seconds=600).status_code == 202
    wait_until(lambda: len(office.audited("order.refused")) > before, within=60, what="the refusal")
    assert not office.standing("freeze_rollback")


@pytest.mark.parametrize("kind", sorted(set(TAKEN) & TWO_PEOPLE))
def test_what_takes_two_people_takes_no_name_that_is_only_typed(office: Office, kind: str) -> None:
    answer = office.order(kind, by="Ana Ruiz")
    assert answer.status_code == 401
    assert "each signs it" in answer.json()["error"]


@pytest.mark.parametrize(
    ("kind", "body", "code", "says"),
    [
        ("promote", {}, 404, "no such order; use arm"),
        ("freeze", {"by": "Ana"}, 400, "and seconds as a number"),
        ("freeze", {"by": "Ana", "seconds": True}, 400, "expected by, reason"),
        ("freeze", {"by": "Ana", "seconds": 40 * 86_400}, 409, "say for how long, at most 720 h"),
        ("freeze", {"by": " ", "seconds": 60}, 400, "each text"),
        ("force_manual", {"by": "Ana", "reason": "patient 00472913"}, 409, "may be a patient's"),
        ("force_manual", {"by": "Ana", "colour": "red"}, 400, "and nothing else"),
        ("quarantine", {"by": "Ana", "version": "99"}, 409, "no such version 99; there are: 7, 8"),
        ("known_good", {"by": "Ana", "version": "99"}, 409, "no such version 99"),
    ],
)
def test_an_order_that_nobody_may_give_so_is_refused_at_once(
    office: Office, kind: str, body: dict[str, Any], code: int, says: str
) -> None:
    answer = office.order(kind, **body)
    assert answer.status_code == code
    assert says in answer.json()["error"]


def test_one_key_is_one_order_however_often_it_is_sent(office: Office) -> None:
    answers = [office.order("freeze", key="once", by="Ana", seconds=3600) for _ in range(3)]
    assert len({answer.text for answer in answers}) == 1
    assert office.order("freeze", key="once", by="Eve", seconds=3600).status_code == 422
    wait_until(lambda: office.standing("freeze"), within=60, what="the freeze")
    assert len(office.audited("order.freeze")) == 1
    for person in ("ana", "ben"):
        office.order("thaw", person)
    wait_until(lambda: not office.standing("freeze"), within=60, what="the thaw")


def test_one_person_puts_every_call_on_the_manual_route_and_two_end_that(office: Office) -> None:
    path = force_manual_path(office.terms.pointer)
    assert office.order("force_manual", by="Ana").status_code == 202
    wait_until(path.exists, within=60, what="the file")
    assert office.order("end_force", "ana").status_code == 202
    assert path.exists()
    assert office.order("end_force", "ben").status_code == 202
    wait_until(lambda: not path.exists(), within=60, what="the file to go")


def test_two_people_lift_what_an_incident_left_and_a_marker_nobody_knows_fails_in_the_audit(office: Office) -> None:
    found = read_pointer(office.terms.pointer)
    held = swap_pointer(office.terms.pointer, found.epoch, lambda p: p.with_route("manual", at=time.time(), by="x"))
    assert held.route == "manual"
    for person in ("ana", "ben"):
        assert office.order("lift", person, marker="route").status_code == 202
    wait_until(lambda: read_pointer(office.terms.pointer).route == "standard", within=60, what="the route")
    for person in ("ana", "ben"):
        office.order("lift", person, marker="rb-0123456789ab-1")
    failed = wait_until(lambda: office.audited("order.failed"), within=60, what="the failure")
    assert "holds nothing back under rb-0123456789ab-1" in failed[-1]["problem"]


def test_the_command_signs_and_says_what_is_still_missing(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    where = [f"--url={office.controller.url}", f"--key={office.folder / 'ana'}", "--reason=new forms"]
    assert run(["rollback", "order", "coding", "override", "--for=8h", *where]) == 0
    assert "override stored for ana" in (said := capsys.readouterr().out)
    assert "a second person" in said
    assert run(["rollback", "order", "coding", "quarantine", "--version=99", *where]) == 2
    assert "no such version 99" in capsys.readouterr().err


def test_nothing_is_armed_whose_pointer_could_not_be_switched(office: Office) -> None:
    for person in ("ana", "ben"):
        office.order("disarm", person)
    wait_until(lambda: office.standing("disarm"), within=60, what="the disarming")
    kept = office.terms.pointer.read_bytes()
    office.terms.pointer.write_bytes(b"{")
    try:
        for person in ("ana", "ben"):
            office.order("arm", person)
        wait_until(
            lambda: [d for d in office.audited("order.refused") if d["order"] == "arm" and "pointer" in d["problem"]],
            within=60,
            what="the refusal",
        )
        assert office.standing("disarm")
    finally:
        office.terms.pointer.write_bytes(kept)
    for person in ("ana", "ben"):
        office.order("arm", person)
    wait_until(lambda: not office.standing("disarm"), within=60, what="the arming")
    office.controller.verify_audit()


def test_a_person_goes_back_and_forward_by_program_and_only_forward_needs_a_key(own_office: Office) -> None:
    office = own_office
    assert office.controller.pointer().version == "8"
    unsigned = office.order("activate", by="Ana Ruiz", version="7")
    assert (unsigned.status_code, "signed with a key" in unsigned.json()["error"]) == (401, True)
    assert office.order("activate", "ana", version="99").status_code == 409
    assert office.order("rollback", by="Ana Ruiz").status_code == 202
    wait_until(lambda: office.controller.pointer().version == "7", within=60, what="the known good version")
    assert office.audited("order.rollback")[-1]["method"] == "api"
    # What was rolled back is quarantined, and one person cannot have it back.
    assert office.order("activate", "ana", version="8").status_code == 202
    wait_until(lambda: office.audited("order.failed"), within=60, what="the activation to be refused")
    assert "quarantined" in office.audited("order.failed")[-1]["problem"]
    for person in ("ana", "ben"):
        assert office.order("unquarantine", person, version="8").status_code == 202
    wait_until(lambda: office.audited("order.unquarantine"), within=60, what="two people's order")
    assert office.order("activate", "ana", version="8").status_code == 202
    wait_until(lambda: office.controller.pointer().version == "8", within=60, what="the activation")
    assert (office.controller.pointer().updated_by, office.audited("order.activate")[-1]["method"]) == (
        "ana",
        "key:governance",
    )
    office.controller.verify_audit()
