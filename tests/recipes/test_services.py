"""Each recipe runs as a user would run it, and what it measures arrives, exactly and redacted."""

from __future__ import annotations

import json
import signal
import socket
import urllib.error
import urllib.request

import pytest

from otel_clinical.semconv import attributes
from tests.recipes.conftest import CANARY, FLU, RECIPES


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def post(port, path, document):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(document).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def events(receiver):
    return [record.event_name for _, record, _ in receiver.events()]


def test_an_application_that_has_opentelemetry_keeps_it(start, receiver, sound):
    process = start("existing.py")
    out, _ = process.communicate(timeout=60)
    assert out.splitlines() == ["J10.1", "providers unchanged: True"], process.log()
    sound(1)
    assert "GET" in [span.name for _, span, _ in receiver.spans()]


def test_the_same_application_without_the_wrapper_lets_it_out(start, receiver, tmp_path):
    """Negative control."""
    program = tmp_path / "leaky.py"
    program.write_text((RECIPES / "existing.py").read_text().replace("redacted(", "("), encoding="utf-8")
    process = start(str(program))
    process.communicate(timeout=60)
    assert any(CANARY.encode() in body for body in receiver.bodies), process.log()


def test_fastapi(start, receiver, port, eventually, sound):
    process = start("-m", "uvicorn", "fastapi_service:app", "--port", str(port))
    eventually(lambda: listening(port) or process.poll() is not None)
    status, answer = post(port, "/suggestions", FLU)
    assert (status, answer["code"]) == (200, "J10.1")
    assert post(port, "/outcomes", {"receipt": answer["receipt"], "result": "correct"}) == (204, None)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    sound(1)
    assert "clinical_ai.outcome" in events(receiver)


def test_a_recipe_says_which_version_serves(start, receiver, port, eventually):
    """No tier alert fires for a version that nobody reports as serving."""
    process = start("-m", "uvicorn", "fastapi_service:app", "--port", str(port))
    eventually(lambda: listening(port) or process.poll() is not None)
    post(port, "/suggestions", FLU)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert receiver.total("clinical_ai.deployment.status") == 1, process.log()


def test_before_a_version_is_activated_a_recipe_asks_a_person(start, port, eventually, pointer):
    pointer.unlink()
    process = start("-m", "uvicorn", "fastapi_service:app", "--port", str(port))
    eventually(lambda: listening(port) or process.poll() is not None)
    assert post(port, "/suggestions", FLU)[1]["code"] is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


def test_fastapi_answers_a_refused_input_with_the_fields_at_fault(start, receiver, port, eventually, tmp_path):
    model = (RECIPES / "model.py").read_text(encoding="utf-8")
    profile = 'quality=QualityProfile(required=("age",), critical=("age",), critical_action="refuse")'
    model = model.replace('confidence="probability")', f'confidence="probability", {profile})')
    (tmp_path / "model.py").write_text(model.replace("import ModelRouter", "import ModelRouter, QualityProfile"))
    (tmp_path / "service.py").write_text((RECIPES / "fastapi_service.py").read_text(encoding="utf-8"))
    process = start("-m", "uvicorn", "service:app", "--port", str(port), "--app-dir", str(tmp_path))
    eventually(lambda: listening(port) or process.poll() is not None)
    with pytest.raises(urllib.error.HTTPError) as refusal:
        post(port, "/suggestions", FLU)
    with refusal.value as answer:
        assert (answer.code, json.loads(answer.read())) == (422, {"fields": ["age"]})
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    (span,) = [span for _, span, _ in receiver.spans() if span.name == "predict coding"]
    kept = {pair.key: pair.value.string_value for pair in span.attributes}
    assert kept[attributes.ABSTENTION_REASON] == "low_input_quality"


def test_gunicorn(start, receiver, port, eventually, sound):
    process = start(
        "-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}", "wsgi_service:application"
    )
    eventually(lambda: listening(port) or process.poll() is not None)
    for _ in range(12):
        assert post(port, "/", FLU)[1]["code"] == "J10.1"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    sound(12)


WORKER = """
import os
from celery_worker import app, suggest
folder = os.environ["FOLDER"]
app.conf.broker_transport_options = {
    "data_folder_in": folder, "data_folder_out": folder, "control_folder": folder, "processed_folder": folder
}
"""


def test_celery(start, receiver, tmp_path, eventually, sound):
    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    folder = tmp_path / "queue"
    folder.mkdir()
    broker = {"BROKER": "filesystem://", "FOLDER": str(folder)}
    order = f"from worker import suggest\nfor _ in range(6): suggest.delay({FLU!r})"
    sender = start("-c", order, **broker)
    sender.communicate(timeout=60)
    assert sender.returncode == 0, sender.log()
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    process = start("-m", "celery", "-A", "worker", "worker", "--concurrency", "2", *quiet, **broker)
    eventually(lambda: len(receiver.spans()) == 6 or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    sound(6)
