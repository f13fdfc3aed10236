"""Threads, pools, tasks and greenlets: each call has its own inference, and work that is handed on can keep it."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_clinical import current_inference, inference
from otel_clinical.semconv import attributes

decorate = inference(model="coding", version="7")


def ids(captured):
    return [span.attributes[attributes.INFERENCE_ID] for span in captured.spans]


def test_threads_have_each_their_own_inference(clinical_telemetry):
    ready = threading.Barrier(4)

    @decorate
    def predict():
        mine = current_inference().id
        ready.wait(timeout=20)
        assert current_inference().id == mine
        return mine

    with ThreadPoolExecutor(4) as pool:
        found = [future.result() for future in [pool.submit(predict) for _ in range(4)]]
    assert sorted(found) == sorted(ids(clinical_telemetry))
    assert len(set(found)) == 4


def test_work_in_a_pool_belongs_to_the_inference_when_it_is_bound_and_only_then(clinical_telemetry):
    def look(x, *, y):
        return current_inference().model, x + y

    with ThreadPoolExecutor(1) as pool:

        @decorate
        def predict():
            bound = pool.submit(current_inference().bind(look), 1, y=2).result()
            unbound = pool.submit(look, 1, y=2).result()
            return bound, unbound

        assert predict() == (("coding", 3), ("_OTHER", 3))
        assert pool.submit(lambda: current_inference().model).result() == "_OTHER", "nothing stays in the thread"


def test_what_bound_work_raises_passes_unchanged(clinical_telemetry):
    error = ValueError("x")

    def work():
        raise error

    @decorate
    def predict():
        with pytest.raises(ValueError, match="x") as caught:
            current_inference().bind(work)()
        return caught.value

    assert predict() is error


def test_to_thread_and_run_in_executor_with_a_copied_context_keep_the_inference(clinical_telemetry):
    @decorate
    async def predict():
        mine = current_inference()
        assert await asyncio.to_thread(current_inference) is mine
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, contextvars.copy_context().run, lambda: current_inference() is mine)

    assert asyncio.run(predict())


def test_the_tasks_of_a_group_belong_to_the_inference_that_made_them(clinical_telemetry):
    @decorate
    async def inner():
        await asyncio.sleep(0)
        return current_inference().id

    @decorate
    async def outer():
        mine = current_inference().id

        async def look():
            await asyncio.sleep(0)
            return current_inference().id

        async with asyncio.TaskGroup() as group:
            looking = [group.create_task(look()) for _ in range(3)]
            nested = [group.create_task(inner()) for _ in range(3)]
        assert {task.result() for task in looking} == {mine}
        assert current_inference().id == mine
        return mine, [task.result() for task in nested]

    mine, nested = asyncio.run(outer())
    assert sorted(ids(clinical_telemetry)) == sorted([mine, *nested])
    assert len({mine, *nested}) == 4
    parent = {span.attributes[attributes.INFERENCE_ID]: span for span in clinical_telemetry.spans}[mine]
    children = [span for span in clinical_telemetry.spans if span is not parent]
    assert {span.parent.span_id for span in children} == {parent.context.span_id}


def test_a_group_that_fails_cancels_the_others_and_each_says_what_it_was(clinical_telemetry):
    @decorate
    async def waits():
        await asyncio.Event().wait()

    @decorate
    async def fails():
        await asyncio.sleep(0)
        raise ValueError("MRN 1")

    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(waits())
            group.create_task(fails())

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(main())
    assert caught.group_contains(ValueError, match="MRN 1")
    found = sorted(span.attributes[attributes.INFERENCE_STATUS] for span in clinical_telemetry.spans)
    assert found == ["cancelled", "failed"]


def test_a_timeout_cancels_and_is_a_timeout_outside(clinical_telemetry):
    @decorate
    async def waits():
        await asyncio.Event().wait()

    async def main():
        async with asyncio.timeout(0):
            await waits()

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert clinical_telemetry.spans[0].attributes[attributes.INFERENCE_STATUS] == "cancelled"


def test_a_generator_stepped_by_several_threads_is_one_inference_and_leaves_none_of_them_in_it(clinical_telemetry):
    @decorate
    def stream():
        for _ in range(4):
            yield current_inference().id

    generator, found, left = stream(), [], []

    def step():
        found.append(next(generator))
        left.append(current_inference().model)

    for _ in range(4):
        thread = threading.Thread(target=step)
        thread.start()
        thread.join(20)
    assert next(generator, "end") == "end"
    assert len(set(found)) == 1
    assert set(left) == {"_OTHER"}
    assert ids(clinical_telemetry) == found[:1]


GEVENT = """
from gevent import monkey
monkey.patch_all()
import gevent, urllib.request
from flask import Flask
from gevent.pywsgi import WSGIServer
from otel_clinical import current_inference, flush, inference
from otel_clinical.semconv import attributes, metrics
from otel_clinical.testing import capture
from otel_clinical.instrument import Telemetry, use_telemetry

app = Flask("clinic")
here = gevent.event.Event()
waiting = []

@inference(model="coding", version="7", segments={"payer": "payer"})
def predict(payer):
    mine = current_inference().id
    waiting.append(mine)
    if len(waiting) == 5:
        here.set()
    assert here.wait(20)
    assert current_inference().id == mine
    return mine

@app.get("/predict/<payer>")
def endpoint(payer):
    return predict(payer)

@app.get("/stream")
def stream():
    @inference(model="coding", version="7")
    def chunks():
        for _ in range(3):
            gevent.sleep(0)
            yield current_inference().id
    return app.response_class(chunks())

with capture(segments={"payer": ["medicaid"]}) as captured:
    # A worker thread of its own, as in production, which gevent turns into a greenlet.
    telemetry = Telemetry(tracer_provider=captured.tracer_provider, meter_provider=captured.meter_provider)
    with use_telemetry(telemetry):
        server = WSGIServer(("127.0.0.1", 0), app, log=None)
        server.start()
        base = f"http://127.0.0.1:{server.server_port}"
        asked = [gevent.spawn(lambda: urllib.request.urlopen(f"{base}/predict/medicaid", timeout=30).read().decode())
                 for _ in range(5)]
        gevent.joinall(asked, timeout=40)
        found = {one.value for one in asked}
        streamed = urllib.request.urlopen(f"{base}/stream", timeout=30).read().decode()
        assert len(streamed) == 96 and streamed[:32] * 3 == streamed, streamed
        assert flush(20)
        server.stop()
    assert len(captured.spans) == 6, captured.spans
    assert found | {streamed[:32]} == {span.attributes[attributes.INFERENCE_ID] for span in captured.spans}
    assert sum(captured.points(metrics.INFERENCES).values()) == 6, captured.points(metrics.INFERENCES)
    assert current_inference().model == "_OTHER"
print("done")
"""


def test_flask_under_gevent_keeps_the_inferences_of_its_greenlets_apart(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(GEVENT, encoding="utf-8")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
