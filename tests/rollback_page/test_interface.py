"""The HTTP interface: its document against real routes and answers, and requests that are done once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest
from starlette.routing import Route

from otel_clinical.rollback.openapi import document
from otel_clinical.rollback.ordering import TAKEN
from otel_clinical.rollback.receiver import Receiver
from tests.rollback._controller import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rollback_page._scene import Scene

ACT = {"by": "Ana Ruiz", "reason": "I am looking into it"}


@pytest.fixture
def api(night: Scene) -> Iterator[httpx.Client]:
    with _client(night) as client:
        yield client


def _client(night: Scene) -> httpx.Client:
    return httpx.Client(base_url=night.url, headers={"authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=30)


def _act(client: httpx.Client, night: Scene, key: str | None, **changes: Any) -> httpx.Response:
    headers = {} if key is None else {"idempotency-key": key}
    return client.post(f"/v1/incidents/{night.undecided}/acknowledge", json={**ACT, **changes}, headers=headers)


def _conforms(answer: httpx.Response, path: str, method: str = "get") -> None:
    """Hold an answer against what the document says of it."""
    told = document()["paths"][path][method]["responses"]
    assert str(answer.status_code) in told, f"{path} may not answer {answer.status_code}"
    schema = told[str(answer.status_code)]["content"]["application/json"]["schema"]
    whole = {"components": document()["components"], **schema}
    jsonschema.Draft202012Validator(whole).validate(answer.json())


def test_the_document_names_every_route_under_v1_and_no_other() -> None:
    store: Any = SimpleNamespace(receive_all=None)
    app = Receiver({}, None, store, None, counters=None, registry=None, clock=None, unconfirmed=None).app()  # type: ignore[arg-type]
    served = {route.path for route in app.routes if isinstance(route, Route) and route.path.startswith("/v1")}
    acts = {path for path in document()["paths"] if path.endswith(("/acknowledge", "/veto", "/approve", "/close"))}
    orders = {f"/v1/models/{{model}}/{kind}" for kind in TAKEN}
    generic = {"/v1/incidents/{id}/{act}", "/v1/models/{model}/{order}"}
    assert set(document()["paths"]) - acts - orders == served - generic
    assert orders <= set(document()["paths"])
    assert len(acts) == 4


@pytest.mark.parametrize("path", [path for path, told in document()["paths"].items() if "get" in told])
def test_every_reading_route_answers_as_the_document_says_and_only_with_a_token(
    night: Scene, api: httpx.Client, path: str
) -> None:
    here = path.replace("{id}", night.undecided).replace("{model}", "coding")
    answer = api.get(here)
    assert answer.status_code == 200
    _conforms(answer, path)
    refused = httpx.get(night.url + here, trust_env=False, timeout=30)
    assert refused.status_code == 401
    _conforms(refused, path)


@pytest.mark.parametrize(
    ("here", "path", "code"),
    [
        ("/v1/models/nothing", "/v1/models/{model}", 404),
        ("/v1/incidents/INC-0", "/v1/incidents/{id}", 404),
        ("/v1/incidents/INC-0/report", "/v1/incidents/{id}/report", 404),
        ("/v1/incidents?colour=red", "/v1/incidents", 400),
        ("/v1/incidents?open=maybe", "/v1/incidents", 400),
        ("/v1/audit?after=x", "/v1/audit", 400),
    ],
)
def test_a_refusal_says_why_in_the_form_of_the_document(api: httpx.Client, here: str, path: str, code: int) -> None:
    answer = api.get(here)
    assert answer.status_code == code
    _conforms(answer, path)


def test_incidents_are_found_by_model_state_and_whether_they_are_open(night: Scene, api: httpx.Client) -> None:
    def ids(query: str) -> set[str]:
        return {item["id"] for item in api.get(f"/v1/incidents{query}").json()["incidents"]}

    assert ids("") == {night.undecided, night.held}
    assert ids("?open=true") == {night.undecided}
    assert ids("?open=false") == {night.held}
    assert ids("?state=hold&model=coding") == {night.held}
    assert ids("?model=other") == set()


def test_a_model_says_what_serves_and_what_is_held(night: Scene, api: httpx.Client) -> None:
    model = api.get("/v1/models/coding").json()
    assert (model["release"]["version"], model["mode"]) == ("8", "enforce")
    assert {item["id"] for item in model["incidents"]} == {night.undecided, night.held}


@pytest.mark.parametrize(
    ("key", "changes", "code"),
    [
        (None, {}, 400),
        ("k" * 129, {}, 400),
        ("key", {"reason": "because"}, 409),
        ("key", {"by": 3}, 400),
        ("key", {"who": "Ana"}, 400),
        ("key", {"note": "patient 00472913"}, 409),
    ],
)
def test_an_act_that_is_refused_is_not_stored(
    night: Scene, api: httpx.Client, key: str | None, changes: dict[str, Any], code: int
) -> None:
    answer = _act(api, night, key, **changes)
    assert answer.status_code == code
    _conforms(answer, "/v1/incidents/{id}/acknowledge", "post")
    assert api.get("/v1/acts").json() == {"acts": []}


def test_a_request_that_is_sent_many_times_at_once_is_done_once(own_night: Scene) -> None:
    with _client(own_night) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _act(client, own_night, "one-key"), range(24)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        _conforms(answers[0], "/v1/incidents/{id}/acknowledge", "post")
        assert len(client.get("/v1/acts").json()["acts"]) == 1
        other = _act(client, own_night, "one-key", by="Eve")
        assert other.status_code == 422
        assert "choose a new one" in other.json()["error"]
        assert _act(client, own_night, "another-key", by="Ben").status_code == 200
        assert [act["by"] for act in client.get("/v1/acts").json()["acts"]] == ["Ana Ruiz", "Ben"]
    own_night.controller.verify_audit()
