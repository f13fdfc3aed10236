"""People with keys of their own: what they sign is theirs, and nothing else is."""

from __future__ import annotations

import stat
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.access import AccessError
from otel_clinical.cli._frame import run
from otel_clinical.rollback.persons import SKEW, Asked, NotThemError, Persons, new_key, sign
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import TOKEN
from tests.rollback_page._scene import OPTIONS, play

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rollback._prometheus import FakePrometheus

NOW = 1_790_000_000.0
ASKED = Asked("/v1/incidents/INC-1/acknowledge", "one", b'{"reason": "x"}')
REASON = "I am looking into it"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "people").write_text(f"# our people\n{new_key(folder / 'ana')} on-call Ana Ruiz\n\n")
    return folder


def test_who_signed_is_known_by_name_and_role(keys: Path) -> None:
    person = Persons(keys / "people").verify(sign(keys / "ana", ASKED, NOW), ASKED, NOW + SKEW - 1)
    assert (person.name, person.role) == ("Ana Ruiz", "on-call")
    assert stat.S_IMODE((keys / "ana").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "other",
    [
        Asked("/v1/incidents/INC-2/acknowledge", "one", ASKED.body),
        Asked("/v1/incidents/INC-1/veto", "one", ASKED.body),
        Asked(ASKED.path, "two", ASKED.body),
        Asked(ASKED.path, "one", b'{"reason": "y"}'),
    ],
)
def test_a_signature_is_of_no_other_request(keys: Path, other: Asked) -> None:
    with pytest.raises(NotThemError, match="not of this request"):
        Persons(keys / "people").verify(sign(keys / "ana", ASKED, NOW), other, NOW)


def test_an_old_signature_a_foreign_key_and_a_key_that_was_taken_out_are_nobodys(keys: Path, tmp_path: Path) -> None:
    header = sign(keys / "ana", ASKED, NOW)
    with pytest.raises(NotThemError, match="away from now"):
        Persons(keys / "people").verify(header, ASKED, NOW + SKEW + 2)
    new_key(tmp_path / "eve")
    with pytest.raises(NotThemError, match="not signed by a registered key"):
        Persons(keys / "people").verify(sign(tmp_path / "eve", ASKED, NOW), ASKED, NOW)
    (tmp_path / "people").write_text((keys / "people").read_text())
    persons = Persons(tmp_path / "people")
    persons.verify(header, ASKED, NOW)
    (tmp_path / "people").write_text("")
    with pytest.raises(NotThemError):
        persons.verify(header, ASKED, NOW)


@given(header=st.text(max_size=300))
def test_no_header_that_was_made_up_is_anybodys(keys: Path, header: str) -> None:
    with pytest.raises(NotThemError):
        Persons(keys / "people").verify(header, ASKED, NOW)


@given(at=st.integers(0, 400), digit=st.sampled_from("0123456789abcdef"))
def test_a_header_with_a_changed_digit_is_nobodys(keys: Path, at: int, digit: str) -> None:
    header = sign(keys / "ana", ASKED, NOW)
    at %= len(header)
    changed = header[:at] + digit + header[at + 1 :]
    if changed != header:
        with pytest.raises(NotThemError):
            Persons(keys / "people").verify(changed, ASKED, NOW)


def test_a_file_of_people_that_says_something_else_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "people").write_text("# fine\nana on-call\n")
    with pytest.raises(AccessError, match=r"people:2: expected KEY ROLE NAME"):
        Persons(tmp_path / "people")


def test_a_person_answers_from_the_command_line_under_their_own_name(
    tmp_path: Path, prometheus: FakePrometheus, capsys: pytest.CaptureFixture[str]
) -> None:
    key, people = tmp_path / "ana.key", tmp_path / "people"
    assert run(["rollback", "key", "Ana Ruiz", "--role=on-call", f"--out={key}"]) == 0
    people.write_text(capsys.readouterr().out)
    assert run(["rollback", "key", "Eve", "--role=none", f"--out={tmp_path / 'eve.key'}"]) == 0
    assert run(["rollback", "key", "Eve", "--role=none", f"--out={key}"]) != 0
    capsys.readouterr()
    folder = tmp_path / "controller"
    folder.mkdir()
    scene = play(folder, prometheus, (*OPTIONS, f"--people={people}"))
    call = ["rollback", "answer", scene.undecided, "acknowledge", f"--url={scene.url}"]
    try:
        assert run([*call, f"--key={tmp_path / 'eve.key'}", f"--reason={REASON}"]) != 0
        assert "not signed by a registered key" in capsys.readouterr().err
        assert run([*call, f"--key={key}", "--reason=because"]) != 0
        assert "choose one of the reasons" in capsys.readouterr().err
        for _ in range(2):
            assert run([*call, f"--key={key}", f"--reason={REASON}", "--request=first-try"]) == 0
            assert "stored for Ana Ruiz" in capsys.readouterr().out
        events = scene.controller.get(f"/v1/incidents/{scene.undecided}")["events"]
        acts = [(e["actor"], e["data"]["method"]) for e in events if e["action"] == "person.acknowledge"]
        assert acts == [("Ana Ruiz", "key:on-call")]
        _nobody_signs_for_another(scene.url, scene.undecided, key)
    finally:
        scene.controller.process.stop()


def _nobody_signs_for_another(url: str, incident: str, key: Path) -> None:
    """A name in the body does not outweigh the signature, and a signature opens nothing else."""
    path = f"/v1/incidents/{incident}/acknowledge"
    body = b'{"by": "Ben Okafor", "reason": "I am looking into it"}'
    headers = {"authorization": sign(key, Asked(path, "other", body), time.time()), "idempotency-key": "other"}
    headers["content-type"] = "application/json"
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        assert client.post(path, content=body, headers=headers).json()["by"] == "Ana Ruiz"
        assert client.get("/v1/incidents", headers=headers).status_code == 401
        assert client.post("/v1/heartbeat", content=b"{}", headers=headers).status_code == 401
        assert client.get("/v1/acts", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_person_closes_what_is_undecided_under_their_own_name(tmp_path: Path, prometheus: FakePrometheus) -> None:
    key, people, folder = tmp_path / "ana.key", tmp_path / "people", tmp_path / "controller"
    people.write_text(f"{new_key(key)} on-call Ana Ruiz\n")
    folder.mkdir()
    scene = play(folder, prometheus, (*OPTIONS, f"--people={people}"))
    path, numbers = f"/v1/incidents/{scene.undecided}/close", iter("abcdef")

    def ask(said: bytes, *, by: Path | None = key) -> httpx.Response:
        asked = Asked(path, next(numbers), said)
        known = sign(by, asked, time.time()) if by else f"Bearer {TOKEN}"
        headers = {"authorization": known, "idempotency-key": asked.idempotency, "content-type": "application/json"}
        return httpx.post(scene.url + path, content=said, headers=headers, trust_env=False, timeout=30)

    def state() -> str:
        return str(scene.controller.get(f"/v1/incidents/{scene.undecided}")["state"])

    try:
        assert ask(b'{"reason": "a test of the payer", "by": "Ana Ruiz"}', by=None).status_code == 401
        assert ask(b'{"reason": " "}').status_code == 400
        assert ask(b'{"reason": "of patient 0047112233"}').status_code == 409
        assert state() == "inconclusive"
        answer = ask(b'{"reason": "a test of the payer"}')
        assert (answer.status_code, answer.json()["by"]) == (200, "Ana Ruiz")
        wait_until(lambda: state() == "overridden", within=60, what="the incident to be closed")
        assert ask(b'{"reason": "again"}').status_code == 409
        events = scene.controller.get(f"/v1/incidents/{scene.undecided}")["events"]
        assert [e["data"]["by"] for e in events if e["action"] == "incident.closed"] == ["Ana Ruiz"]
        scene.controller.verify_audit()
    finally:
        scene.controller.process.stop()
