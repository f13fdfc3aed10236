"""With TLS on, the controller speaks nothing else, and knows its clients by certificate and token."""

from __future__ import annotations

import re
import ssl
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from otel_clinical.cli._frame import run
from otel_clinical.cli.rollback import serve
from otel_clinical.rollback import DATABASE, verify_file
from otel_clinical.rollback.refusals import ACTION
from otel_clinical.rollback.store import Store
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import EXAMPLES, TOKEN, Controller, notification

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.rollback import Terms


def test_clients_need_a_certificate_and_a_token(terms: Terms, tmp_path: Path) -> None:
    authority = trustme.CA()
    shown, mine = authority.issue_cert("127.0.0.1"), authority.issue_cert("alertmanager")
    shown.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    shown.private_key_pem.write_to_path(tmp_path / "key.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    options = [f"--tls-cert={tmp_path / 'cert.pem'}", f"--tls-key={tmp_path / 'key.pem'}"]
    controller = Controller(
        terms.pointer.parent, "http://127.0.0.1:9", (*options, f"--tls-client-ca={tmp_path / 'ca.pem'}")
    )
    url = controller.url.replace("http:", "https:")
    stranger = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    known = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    mine.configure_cert(known)
    foreign = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    trustme.CA().issue_cert("alertmanager").configure_cert(foreign)
    expired = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    authority.issue_cert("alertmanager", not_after=datetime(2020, 1, 1, tzinfo=UTC)).configure_cert(expired)

    def post(context: ssl.SSLContext, token: str) -> int:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        with httpx.Client(verify=context, trust_env=False) as client:
            return client.post(f"{url}/v1/alertmanager", content=notification(), headers=headers).status_code

    def answers() -> bool:
        try:
            return post(known, TOKEN) == 202
        except httpx.ConnectError:
            return False

    controller.process.start()
    try:
        wait_until(answers, within=20, what="the controller to answer over TLS")
        assert post(known, "wrong-token-of-the-tests") == 401
        for context in (stranger, foreign, expired):
            with pytest.raises(httpx.TransportError):
                post(context, TOKEN)
        # They never become requests, and are counted and told all the same.
        wait_until(lambda: told(tmp_path).get("handshake"), within=60, what="the audit to be told of them")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{controller.url}/healthz", trust_env=False)
    finally:
        controller.process.stop(60)
    assert told(tmp_path) == {"token": 1, "handshake": 4}, "no certificate, a foreign one, an expired one, no TLS"
    verify_file(tmp_path / "state" / DATABASE)


class Office:
    """A controller that asks for certificates, and the people and programs that hold one of its authority."""

    def __init__(self, terms: Terms, *options: str) -> None:
        folder, self._authority = terms.pointer.parent, trustme.CA()
        shown = self._authority.issue_cert("127.0.0.1")
        shown.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        shown.private_key_pem.write_to_path(folder / "key.pem")
        self._authority.cert_pem.write_to_path(folder / "ca.pem")
        files = (("cert", "cert"), ("key", "key"), ("client-ca", "ca"))
        words = [f"--tls-{option}={folder / name}.pem" for option, name in files]
        self._ca = str(folder / "ca.pem")
        self.controller = Controller(folder, "http://127.0.0.1:9", (*words, "--pull=3600", *options))
        self.url = self.controller.url.replace("http:", "https:")

    def visit(self, name: str, **headers: str) -> httpx.Client:
        """Return a client that shows a certificate of this name."""
        context = ssl.create_default_context(cafile=self._ca)
        self._authority.issue_cert(name).configure_cert(context)
        return httpx.Client(base_url=self.url, verify=context, trust_env=False, timeout=30, headers=headers)

    def wait(self) -> None:
        def alive() -> bool:
            try:
                with self.visit("anybody") as client:
                    return client.get("/healthz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(alive, within=60, what="the controller to answer over TLS")


def test_only_who_is_named_may_post_alerts_though_the_authority_vouches_for_others_and_they_know_the_token(
    terms: Terms, tmp_path: Path
) -> None:
    office = Office(terms, "--caller=alertmanager.hospital.example", "--caller=spare.hospital.example")
    office.controller.process.start()
    known = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    try:
        office.wait()
        answers = {}
        for name in ("alertmanager.hospital.example", "spare.hospital.example", "laptop.hospital.example"):
            with office.visit(name, **known) as client:
                paths = ("/v1/alertmanager", "/v1/heartbeat")
                answers[name] = [client.post(path, content=notification()).status_code for path in paths]
                assert client.get("/v1/incidents").status_code == 200, "what only reads takes the token"
        assert list(answers.values()) == [[202, 202], [202, 202], [403, 403]]
    finally:
        office.controller.process.stop(60)
    assert told(tmp_path) == {"certificate": 2}


def test_a_proxy_is_believed_only_with_its_own_certificate(terms: Terms, tmp_path: Path) -> None:
    """Its address alone is everybody's who is on the same machine."""
    named = "--proxy-certificate=proxy.hospital.example"
    office = Office(terms, "--proxy-address=127.0.0.1", "--proxy-header=X-Remote-User", named)
    office.controller.process.start()
    try:
        office.wait()
        for name, code in (("proxy.hospital.example", 200), ("laptop.hospital.example", 303)):
            with office.visit(name, **{"x-remote-user": "Ana Ruiz"}) as client:
                assert client.get("/").status_code == code
    finally:
        office.controller.process.stop(60)
    assert told(tmp_path) == {"identity_header": 1}


def test_a_person_is_known_by_the_mail_address_in_their_certificate_and_nobody_elses(terms: Terms) -> None:
    office = Office(terms, "--people-certificates")
    office.controller.process.start()
    try:
        office.wait()
        with office.visit("ana.ruiz@hospital.example") as ana:
            assert "ana.ruiz@hospital.example" in ana.get("/").text
        with office.visit("laptop.hospital.example") as program:
            assert program.get("/").status_code == 303, "a machine's certificate is nobody's name"
        with office.visit("laptop.hospital.example", **{"x-forwarded-user": "ana.ruiz@hospital.example"}) as liar:
            assert liar.get("/").status_code == 303
    finally:
        office.controller.process.stop(60)


@pytest.mark.parametrize("option", ["--caller=x", "--proxy-certificate=x", "--people-certificates"])
def test_a_certificate_by_name_needs_certificates(
    option: str, terms: Terms, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = terms.pointer.parent
    call = ["rollback", "serve", f"--policy={folder / 'policy.yaml'}", f"--state={folder / 's'}", option]
    assert run([*call, "--token-file=x", "--prometheus=http://x"]) == 2
    assert "--tls-client-ca" in capsys.readouterr().err


def told(folder: Path) -> dict[str, int]:
    """Return how often the audit says that each kind was refused."""
    with closing(Store(folder / "state")) as store:
        return {event.data["kind"]: event.data["count"] for event in store.audit_of([ACTION])}


@pytest.mark.parametrize("option", ["--tls-cert=x", "--tls-key=x", "--tls-client-ca=x"])
def test_half_of_a_certificate_is_refused(option: str, terms: Terms, capsys: pytest.CaptureFixture[str]) -> None:
    folder = terms.pointer.parent
    call = ["rollback", "serve", f"--policy={folder / 'policy.yaml'}", f"--state={folder / 's'}", option]
    assert run([*call, "--token-file=x", "--prometheus=http://x"]) == 2
    assert "go together" in capsys.readouterr().err


def test_a_certificate_that_cannot_be_used_is_one_sentence(terms: Terms, capsys: pytest.CaptureFixture[str]) -> None:
    folder = terms.pointer.parent
    (folder / "tokens").write_text(f"{TOKEN}\n")
    call = [
        "rollback",
        "serve",
        f"--policy={folder / 'policy.yaml'}",
        f"--state={folder / 's'}",
        "--prometheus=http://x",
    ]
    call += [
        f"--token-file={folder / 'tokens'}",
        f"--tls-cert={folder / 'none.pem'}",
        f"--tls-key={folder / 'none.key'}",
    ]
    assert run(call) == 2
    shown = capsys.readouterr().err
    assert "not a usable certificate and key" in shown
    assert "Traceback" not in shown


def test_an_address_that_others_can_reach_needs_tls_or_a_word(
    terms: Terms, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terms
    (tmp_path / "tokens").write_text(f"{TOKEN}\n")
    call = ["rollback", "serve", f"--policy={tmp_path / 'policy.yaml'}", f"--state={tmp_path / 'state'}"]
    call += [f"--token-file={tmp_path / 'tokens'}", "--prometheus=http://127.0.0.1:9", "--listen=0.0.0.0:9466"]
    assert run(call) == 2
    assert "--tls-cert and --tls-key" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_the_unit_of_systemd_names_options_that_there_are() -> None:
    unit = (EXAMPLES / "systemd" / "otel-clinical-controller.service").read_text()
    (line,) = re.findall(r"^ExecStart=\S+ (.*)$", unit, re.MULTILINE)
    asked = set(re.findall(r"--[a-z-]+", line))
    known = {name for option in serve.params for name in option.opts}
    assert asked - known == set()
    assert {option.opts[0] for option in serve.params if option.required} <= asked
