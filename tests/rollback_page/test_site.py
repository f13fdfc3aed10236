"""The pages over HTTP: who may look, that looking changes nothing, that acting needs who, why and a form of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from otel_clinical.cli._frame import run
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import TOKEN, value
from tests.rollback_page._scene import Scene, play

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rollback._prometheus import FakePrometheus

PAGES: Final = (
    "/",
    "/incidents",
    "/incidents/{undecided}",
    "/incidents/{held}",
    "/releases",
    "/audit",
    "/audit?before=5",
)


@pytest.fixture
def ana(night: Scene) -> Iterator[httpx.Client]:
    with night.visit() as client:
        yield client


def csrf_of(client: httpx.Client, path: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def act(client: httpx.Client, incident: str, kind: str, by: str, **fields: str) -> httpx.Response:
    path = f"/incidents/{incident}"
    reasons = {"acknowledge": "I am looking into it", "veto": "A planned change explains it"}
    reasons["approve"] = "It is the version: act now"
    form = {"csrf": csrf_of(client, path), "by": by, "reason": reasons[kind], "note": "", **fields}
    return client.post(f"{path}/{kind}", data=form)


@pytest.mark.parametrize("page", PAGES)
def test_nobody_looks_without_having_shown_a_token(night: Scene, page: str) -> None:
    path = page.format(undecided=night.undecided, held=night.held)
    for headers in ({}, {"cookie": "otel_clinical_session=e30=.00"}, {"x-forwarded-user": "ana"}):
        answer = httpx.get(night.url + path, headers=headers, trust_env=False, timeout=30)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=/")
        assert "medicaid" not in answer.text


@pytest.mark.parametrize("page", PAGES)
def test_a_page_keeps_itself_to_itself(night: Scene, ana: httpx.Client, page: str) -> None:
    answer = ana.get(page.format(undecided=night.undecided, held=night.held))
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for inline in ("<script", "style=", "onclick", "javascript:"):
        assert inline not in answer.text


def test_looking_changes_nothing(night: Scene, ana: httpx.Client) -> None:
    before = night.controller.get("/v1/audit")["head"]
    for page in (*PAGES, "/login", "/logout", "/incidents/{undecided}/acknowledge", "/incidents/{undecided}/veto"):
        path = page.format(undecided=night.undecided, held=night.held)
        for method in ("GET", "HEAD"):
            assert ana.request(method, path).status_code in {200, 303, 405}
    assert night.controller.get("/v1/audit")["head"] == before


@pytest.mark.parametrize(
    ("token", "name", "says"),
    [("wrong-token-of-the-tests", "Ana", "not an active token"), (TOKEN, "", "Say who you are")],
)
def test_a_login_needs_an_active_token_and_a_name(night: Scene, token: str, name: str, says: str) -> None:
    answer = httpx.post(night.url + "/login", data={"token": token, "name": name}, trust_env=False, timeout=30)
    assert answer.status_code == 403
    assert says in answer.text
    assert "set-cookie" not in answer.headers
    assert token not in answer.text


def test_a_wrong_token_and_a_foreign_form_are_counted(own_night: Scene) -> None:
    with own_night.visit() as client:
        assert client.post("/login", data={"token": "x" * 20, "name": "Eve"}).status_code == 403
        answer = act(client, own_night.undecided, "acknowledge", "Ana", csrf="0" * 64)
        assert answer.status_code == 403
        assert "not of your session" in answer.text
        assert own_night.controller.get("/v1/audit")["head"]["seq"] == len(
            own_night.controller.get("/v1/audit")["events"]
        )
    refused = "clinical_ai_rollback_access_refusals_total"
    assert value(own_night.controller, refused, rollback_access_refusal="login") == 1
    assert value(own_night.controller, refused, rollback_access_refusal="form") == 1


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}]
)
def test_a_form_sent_from_another_site_does_nothing(night: Scene, ana: httpx.Client, headers: dict[str, str]) -> None:
    form = {"csrf": csrf_of(ana, f"/incidents/{night.undecided}"), "by": "Eve", "reason": "I am looking into it"}
    answer = ana.post(f"/incidents/{night.undecided}/acknowledge", data=form, headers=headers)
    assert answer.status_code == 403
    assert "Nobody has acknowledged" in ana.get(f"/incidents/{night.undecided}").text


def test_a_login_leads_only_to_pages_of_ours(night: Scene) -> None:
    for following in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"):
        form = {"token": TOKEN, "name": "Ana", "next": following}
        answer = httpx.post(night.url + "/login", data=form, trust_env=False, timeout=30)
        assert answer.headers["location"] == "/"


def test_an_acknowledgement_is_kept_with_who_why_and_how_they_were_known(own_night: Scene) -> None:
    key = own_night.undecided
    with own_night.visit("Ana Ruiz") as client:
        assert "Nobody has acknowledged it" in client.get("/").text
        answer = act(client, key, "acknowledge", "Ana Ruiz", note="Called <b>the payer</b> team")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/incidents/{key}#people")
        page = client.get(f"/incidents/{key}").text
        assert "Called &lt;b&gt;the payer&lt;/b&gt; team" in page
        assert "name as typed beside the shared token" in page
        assert "Acknowledged by Ana Ruiz" in client.get("/").text
    (event,) = [e for e in own_night.controller.get(f"/v1/incidents/{key}")["events"] if "person" in e["action"]]
    assert (event["actor"], event["action"], event["data"]["method"]) == ("Ana Ruiz", "person.acknowledge", "token")
    own_night.controller.verify_audit()


def test_a_veto_needs_two_different_people_and_then_closes_the_incident(own_night: Scene) -> None:
    key = own_night.undecided
    with own_night.visit() as client:
        assert act(client, key, "veto", "Ana Ruiz").status_code == 303
        assert own_night.controller.get(f"/v1/incidents/{key}")["state"] == "inconclusive"
        again = act(client, key, "veto", " ana ruiz ")
        assert again.status_code == 409
        assert "needs a second, different person" in again.text
        assert act(client, key, "veto", "Ben Okafor").status_code == 303
        wait_until(
            lambda: own_night.controller.get(f"/v1/incidents/{key}")["state"] == "overridden",
            within=60,
            what="the veto to be taken up",
        )
        found = own_night.controller.get(f"/v1/incidents/{key}")
        assert "Ana Ruiz and Ben Okafor" in found["reason"]
        assert own_night.controller.pointer().version == "8"
        page = client.get(f"/incidents/{key}").text
        assert f'action="/incidents/{key}/veto"' not in page
    own_night.controller.verify_audit()


def test_one_person_approves_and_the_machine_acts_once(own_night: Scene) -> None:
    key = own_night.undecided
    with own_night.visit() as client:
        assert act(client, key, "approve", "Ana Ruiz").status_code == 303
        wait_until(
            lambda: own_night.controller.get(f"/v1/incidents/{key}")["acted_at"], within=60, what="the machine to act"
        )
        rules = {rule.segment.value: rule.version for rule in own_night.controller.pointer().rules}
        assert rules["medicaid"] == "7"
        page = client.get(f"/incidents/{key}").text
        assert "approved it: It is the version: act now" in page
        assert f'action="/incidents/{key}/approve"' not in page
        late = client.post(
            f"/incidents/{key}/approve",
            data={"csrf": csrf_of(client, f"/incidents/{key}"), "by": "Ben", "reason": "It is the version: act now"},
        )
        assert late.status_code == 409
        assert "nothing left to approve" in late.text
    own_night.controller.verify_audit()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"by": "   "}, "ay who you are"),
        ({"reason": "because"}, "hoose one of the reasons"),
        ({"note": "patient 00472913 is affected"}, "may be a patient"),
        ({"note": "born 03.04.1961"}, "may be a patient"),
        ({"note": "x" * 301}, "at most 300"),
    ],
)
def test_an_act_that_is_refused_says_why_and_keeps_what_was_entered(
    night: Scene, ana: httpx.Client, fields: dict[str, str], says: str
) -> None:
    before = night.controller.get("/v1/audit")["head"]
    answer = act(ana, night.undecided, "acknowledge", **{"by": "Ana Ruiz", **fields})
    assert answer.status_code == 409
    assert says in answer.text
    assert night.controller.get("/v1/audit")["head"] == before


@pytest.mark.parametrize(("form", "starts"), [("html", "<!doctype html>"), ("md", "# Performance"), ("json", "{")])
def test_the_report_of_an_incident_can_be_taken_away(night: Scene, ana: httpx.Client, form: str, starts: str) -> None:
    answer = ana.get(f"/incidents/{night.undecided}/report.{form}")
    assert answer.status_code == 200
    assert answer.text.startswith(starts)
    assert "attachment" in answer.headers["content-disposition"]
    assert httpx.get(f"{night.url}/incidents/{night.undecided}/report.{form}", trust_env=False).status_code == 303


def test_that_nothing_was_compared_is_said_on_page_report_and_command_line(
    night: Scene, ana: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    page = ana.get(f"/incidents/{night.undecided}").text
    assert re.search(r". not compared</span></td><td>nothing was compared", page)
    html = ana.get(f"/incidents/{night.undecided}/report.html").text
    assert re.search(r'class="not_compared number">not compared</td><td>nothing was compared', html)
    assert "| not compared | nothing was compared" in ana.get(f"/incidents/{night.undecided}/report.md").text
    folder = night.controller.folder
    assert run(["rollback", "status", f"--policy={folder / 'policy.yaml'}", f"--state={folder / 'state'}"]) == 0
    assert "guard counterfactual: not compared (nothing was compared" in capsys.readouterr().out


def test_what_is_no_form_of_ours_is_refused(night: Scene, ana: httpx.Client) -> None:
    path = f"/incidents/{night.undecided}/acknowledge"
    assert ana.post(path, json={"by": "Ana"}).status_code == 400
    assert ana.post(path, data={"by": "x" * 20_000}).status_code == 400
    assert ana.get("/incidents/INC-000000000000").status_code == 404
    assert ana.get(f"/incidents/{night.undecided}/report.exe").status_code == 404
    assert ana.get("/audit?before=nothing").status_code == 400


def test_an_address_that_is_none_is_a_page_in_a_browser_and_a_word_for_programs(night: Scene) -> None:
    browser = httpx.get(f"{night.url}/nothing", headers={"accept": "text/html,*/*"}, trust_env=False, timeout=30)
    assert (browser.status_code, "There is no page at this address" in browser.text) == (404, True)
    assert "content-security-policy" in browser.headers
    program = httpx.get(f"{night.url}/v1/nothing", trust_env=False, timeout=30)
    assert (program.status_code, program.text) == (404, "Not Found")
    assert httpx.get(f"{night.url}/v1/alertmanager", trust_env=False, timeout=30).status_code == 405


def test_the_audit_says_what_happened_in_words_beside_the_code(night: Scene, ana: httpx.Client) -> None:
    page = ana.get("/audit").text
    assert "Decided: hold the source" in page
    assert "decision.hold" in page


def test_without_prometheus_no_page_says_that_all_is_well(own_night: Scene) -> None:
    own_night.prometheus.up = False
    with own_night.visit() as client:
        page = client.get("/").text
        assert "Nobody knows how the models do" in page
        assert "Unknown" in page
        assert "No tier reached" not in page
        plain = client.get(f"/incidents/{own_night.undecided}").text
        assert "Prometheus did not answer" in plain
        assert "what the controller saw at its own looks" in plain


def test_a_proxy_is_believed_from_its_own_address_alone(
    tmp_path: Path, prometheus: FakePrometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--pull=3600", "--retry=0.2", "--proxy-address=127.0.0.2", "--proxy-header=X-Remote-User")
    # What uvicorn reads by itself where it is told to believe proxies: everybody's word.
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    scene = play(tmp_path, prometheus, options)
    try:
        said = {"x-remote-user": "Ana Ruiz"}
        lies = [
            {name: "127.0.0.2"}
            for name in ("x-forwarded-for", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip")
        ]
        lies += [{"forwarded": "for=127.0.0.2;host=x;proto=https"}, {"x-forwarded-for": "127.0.0.2, 127.0.0.1"}]
        lies += [{"x-forwarded-for": "127.0.0.2", "x-forwarded-proto": "https", "x-forwarded-host": "proxy"}]
        for lie in ({}, *lies):
            answer = httpx.get(scene.url + "/", headers={**said, **lie}, trust_env=False, timeout=30)
            assert answer.status_code == 303, f"anybody could be anybody by {lie}"
        for name in ("x_remote_user", "x-remote-users", "remote-user", "x-forwarded-user"):
            answer = httpx.get(scene.url + "/", headers={name: "Ana Ruiz"}, trust_env=False, timeout=30)
            assert answer.status_code == 303
        refused = "clinical_ai_rollback_access_refusals_total"
        assert value(scene.controller, refused, rollback_access_refusal="identity_header") == 1 + len(lies)
        transport = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(transport=transport, base_url=scene.url, headers=said, timeout=30) as proxied:
            assert "Ana Ruiz" in proxied.get("/").text
            # What the proxy says about somebody is not theirs to change.
            assert act(proxied, scene.undecided, "acknowledge", "Somebody Else").status_code == 303
        events = scene.controller.get(f"/v1/incidents/{scene.undecided}")["events"]
        assert [e["actor"] for e in events if e["action"] == "person.acknowledge"] == ["Ana Ruiz"]
    finally:
        scene.controller.process.stop()
