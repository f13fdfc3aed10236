"""FastAPI and Starlette see decorated endpoints, dependencies, streams and background tasks as what they are."""

from __future__ import annotations

import warnings
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Body, Depends, FastAPI, HTTPException
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from otel_clinical import (
    InputRefused,
    QualityProfile,
    current_inference,
    inference,
    input_quality,
    record_outcome,
    task,
)
from otel_clinical.semconv import attributes, metrics

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have a newer client than the one that is pinned here
    from starlette.testclient import TestClient

decorate = inference(model="coding", version="7")


def statuses(captured):
    return [span.attributes[attributes.INFERENCE_STATUS] for span in captured.spans]


def model():
    return current_inference().model


@pytest.fixture
def app():
    found = FastAPI()

    @found.exception_handler(InputRefused)
    async def refused(_: Any, error: InputRefused) -> PlainTextResponse:
        return PlainTextResponse(error.result.action.value, status_code=422)

    return found


@pytest.fixture
def client(app, clinical_telemetry):
    with TestClient(app, raise_server_exceptions=False) as found:
        yield found


def test_sync_and_async_endpoints_keep_their_parameters(app, client, clinical_telemetry):
    @app.post("/sync/{code}")
    @decorate
    def sync_endpoint(code: int, record: Annotated[dict[str, Any], Body()], *, limit: int = 3) -> dict[str, Any]:
        return {"code": code, "limit": limit, "record": record, "model": model()}

    @app.post("/async/{code}")
    @decorate
    async def async_endpoint(code: int, record: Annotated[dict[str, Any], Body()], *, limit: int = 3) -> dict[str, Any]:
        return {"code": code, "limit": limit, "record": record, "model": model()}

    for path in ("sync", "async"):
        answer = client.post(f"/{path}/5?limit=9", json={"age": 40})
        assert answer.json() == {"code": 5, "limit": 9, "record": {"age": 40}, "model": "coding"}
        assert client.post(f"/{path}/no", json={}).status_code == 422
    assert statuses(clinical_telemetry) == ["completed", "completed"]
    parameters = app.openapi()["paths"]["/sync/{code}"]["post"]["parameters"]
    assert [one["name"] for one in parameters] == ["code", "limit"]


def test_a_segment_is_read_from_the_body_of_a_request(app, client, clinical_telemetry):
    clinical_telemetry.telemetry.declared.declare(attributes.SEGMENT_PAYER, ["medicaid"])

    @app.post("/predict")
    @inference(model="coding", version="7", segments={"payer": "record.payer"})
    def predict(record: Annotated[dict[str, Any], Body()]) -> int:
        return len(record)

    assert client.post("/predict", json={"payer": "medicaid"}).json() == 1
    assert clinical_telemetry.spans[0].attributes[attributes.SEGMENT_PAYER] == "medicaid"


def test_decorated_dependencies_of_every_kind_are_solved_and_closed(app, client, clinical_telemetry):
    log = []

    @decorate
    def plain(x: int) -> int:
        return x + 1

    @decorate
    async def coroutine(x: int) -> int:
        return x + 2

    @decorate
    def generator(x: int):
        yield x + 3
        log.append(("sync closed", model()))

    @decorate
    async def async_generator(x: int):
        try:
            yield x + 4
        finally:
            log.append(("async closed", model()))

    class Callable_:  # noqa: N801 -- a name that is none of typing's
        def __call__(self, x: int) -> int:
            return x + 5

    @app.get("/")
    def endpoint(
        a: int = Depends(plain),
        b: int = Depends(coroutine),
        c: int = Depends(generator),
        d: int = Depends(async_generator),
        e: int = Depends(decorate(Callable_())),
    ) -> list[Any]:
        return [a, b, c, d, e, model()]

    assert client.get("/?x=10").json() == [11, 12, 13, 14, 15, "_OTHER"], "no dependency leaks into the endpoint"
    assert sorted(log) == [("async closed", "coding"), ("sync closed", "coding")]
    assert statuses(clinical_telemetry) == ["completed"] * 5


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_streamed_answer_is_one_inference_from_first_to_last_chunk(app, client, clinical_telemetry, kind):
    @decorate
    def chunks():
        for _ in range(3):
            yield current_inference().id

    @decorate
    async def async_chunks():
        for _ in range(3):
            yield current_inference().id

    @app.get("/")
    def endpoint() -> StreamingResponse:
        return StreamingResponse(chunks() if kind == "sync" else async_chunks())

    text = client.get("/").text
    assert text == text[:32] * 3
    (span,) = clinical_telemetry.spans
    assert span.attributes[attributes.INFERENCE_ID] == text[:32]
    assert statuses(clinical_telemetry) == ["completed"]


def test_background_tasks_run_after_the_answer_with_the_receipt(app, client, clinical_telemetry):
    @decorate
    def predict():
        return current_inference().receipt

    @task("audit")
    async def audit(receipt: str) -> None:
        assert record_outcome(receipt, result="correct")

    @app.get("/")
    def endpoint(background: BackgroundTasks) -> str:
        background.add_task(audit, predict().dumps())
        return "answered"

    assert client.get("/").json() == "answered"
    assert sum(clinical_telemetry.points(metrics.OUTCOMES).values()) == 1
    assert sum(clinical_telemetry.points(metrics.TASK_DURATION).values()) == 1


def test_exceptions_reach_the_handlers_of_the_framework(app, client, clinical_telemetry):
    @app.get("/known")
    @decorate
    async def known() -> None:
        raise HTTPException(status_code=418, detail="MRN 1")

    @app.get("/unknown")
    @decorate
    def unknown() -> None:
        raise ZeroDivisionError("MRN 2")

    @app.post("/refused")
    @decorate
    @input_quality(QualityProfile(required=("age",), flag_below=1.0, refuse_below=1.0), argument="record")
    def gated(record: Annotated[dict[str, Any], Body()]) -> int:
        return len(record)

    assert client.get("/known").status_code == 418
    assert client.get("/unknown").status_code == 500
    answer = client.post("/refused", json={})
    assert (answer.status_code, answer.text) == (422, "refuse")
    assert client.post("/refused", json={"age": 40}).json() == 1
    assert statuses(clinical_telemetry) == ["failed", "failed", "abstained", "completed"]


def test_starlette_functions_classes_and_web_sockets(clinical_telemetry):
    @decorate
    def sync_endpoint(_):
        return PlainTextResponse(model())

    @decorate
    async def async_endpoint(_):
        return PlainTextResponse(model())

    class Endpoint(HTTPEndpoint):
        @decorate
        async def get(self, _):
            return PlainTextResponse(model())

    @decorate
    async def socket(websocket):
        await websocket.accept()
        await websocket.send_text(model())
        await websocket.close()

    app = Starlette(
        routes=[
            Route("/sync", sync_endpoint),
            Route("/async", async_endpoint),
            Route("/class", Endpoint),
            WebSocketRoute("/socket", socket),
        ]
    )
    with TestClient(app) as client:
        assert [client.get(path).text for path in ("/sync", "/async", "/class")] == ["coding"] * 3
        with client.websocket_connect("/socket") as session:
            assert session.receive_text() == "coding"
    assert statuses(clinical_telemetry) == ["completed"] * 4
