"""Celery runs decorated tasks, eagerly and in a worker, and hands receipts from process to process as text."""

from __future__ import annotations

import subprocess
import sys

import pytest
from celery import Celery

from otel_clinical import current_inference, inference, record_review
from otel_clinical.semconv import attributes, metrics


@pytest.fixture
def app():
    found = Celery("clinic", broker="memory://", backend="cache+memory://", set_as_current=False)
    found.conf.update(task_always_eager=True, task_store_eager_result=False)
    yield found
    found.close()


def test_a_task_keeps_its_name_arguments_and_binding(app, clinical_telemetry):
    @app.task
    @inference(model="coding", version="7")
    def predict(x, *, y=2):
        return x + y, current_inference().model

    @app.task(bind=True)
    @inference(model="coding", version="7")
    def bound(self, x):
        return self.name, x

    assert predict.name.endswith("predict")
    assert predict.delay(1, y=5).get() == (6, "coding")
    assert bound.apply_async((3,)).get() == (bound.name, 3)
    assert predict(1) == (3, "coding")
    assert len(clinical_telemetry.spans) == 3
    # Celery checks arguments at submission by a look that stops at any decorator; they are refused in the task.
    assert predict.delay(1, z=1).failed()


def test_a_failing_and_a_retrying_task_are_seen_per_attempt(app, clinical_telemetry):
    error = ValueError("MRN 1")

    @app.task
    @inference(model="coding", version="7")
    def fails():
        raise error

    @app.task(bind=True, max_retries=2, retry_backoff=False)
    @inference(model="coding", version="7")
    def retries(self):
        if self.request.retries < 2:
            raise self.retry(countdown=0)
        return self.request.retries

    assert fails.delay().result is error
    assert retries.delay().get() == 2
    found = [span.attributes[attributes.INFERENCE_STATUS] for span in clinical_telemetry.spans]
    assert sorted(found) == ["completed", "failed", "failed", "failed"]


def test_a_receipt_goes_through_the_broker_as_text(app, clinical_telemetry):
    @app.task
    @inference(model="coding", version="7")
    def predict():
        return current_inference().receipt

    @app.task
    def follow_up(receipt):
        return record_review(receipt, action="accepted").ok

    assert follow_up.delay(predict().dumps()).get()
    assert sum(clinical_telemetry.points(metrics.REVIEWS).values()) == 1


WORKER = """
from celery import Celery
from celery.contrib.testing.worker import start_worker
from otel_clinical import current_inference, flush, inference
from otel_clinical.instrument import Telemetry, use_telemetry
from otel_clinical.semconv import metrics
from otel_clinical.testing import capture

app = Celery("clinic", broker="memory://", backend="cache+memory://")

@app.task
@inference(model="coding", version="7")
def predict(x):
    return [x, current_inference().model]

with capture() as captured:
    telemetry = Telemetry(tracer_provider=captured.tracer_provider, meter_provider=captured.meter_provider)
    with use_telemetry(telemetry):
        with start_worker(app, pool="threads", concurrency=2, perform_ping_check=False, shutdown_timeout=30):
            found = [predict.delay(x) for x in range(5)]
            assert [one.get(timeout=30) for one in found] == [[x, "coding"] for x in range(5)]
        assert flush(20)
    assert len(captured.spans) == 5
    assert sum(captured.points(metrics.INFERENCES).values()) == 5
print("done")
"""


def test_a_worker_with_threads_runs_decorated_tasks(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(WORKER, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["done"]), done.stderr
