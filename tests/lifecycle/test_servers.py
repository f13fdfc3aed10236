"""Totals are exact behind servers that fork: each worker is an instance and counts its own requests once."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from otel_clinical.semconv import metrics

CALLS = metrics.INFERENCES.name
BEFORE = 3
REQUESTS = 40
DEADLINE = 60
WORKERS = 3
GRACEFUL = ("--hook-master-start", "unix_signal:15 gracefully_kill_them_all")
"""uWSGI leaves out the exit hooks of a worker that is answering when it is told to end at once (`die-on-term`)."""
BIN = Path(sys.executable).parent

APPLICATION = """
import os
from otel_clinical import inference
from otel_clinical.sdk import configure

@inference(model="coding", version="7")
def predict():
    return os.getpid()

handle = configure("coding-service", endpoint=os.environ["RECEIVER"], metric_interval=600.0)
for _ in range({before}):
    predict()  # a measurement before the fork, such as a warm-up
handle.flush()

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(predict()).encode()]
"""


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def serve(tmp_path, receiver, port, eventually, plain_environment):
    """Return a context manager that runs a server from its first answer until it has ended."""
    (tmp_path / "service.py").write_text(APPLICATION.format(before=BEFORE))
    paths = f"{tmp_path}:{plain_environment['PYTHONPATH']}"
    environment = plain_environment | {"RECEIVER": receiver.url, "PYTHONPATH": paths}

    @contextmanager
    def running(*command):
        with (tmp_path / "log").open("w") as log:
            server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, env=environment)
        server.output = (tmp_path / "log").read_text
        try:
            eventually(lambda: listening(port) or server.poll() is not None)
            assert server.poll() is None, server.output()
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(DEADLINE)

    return running


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port):
    """Make one request and return the process that answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/")
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


def gunicorn(port, *options):
    return (
        sys.executable,
        "-m",
        "gunicorn",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        str(WORKERS),
        *options,
        "service",
    )


def uwsgi(port, *options):
    service = ("--wsgi-file", "service.py", "--need-app", "--virtualenv", sys.prefix)
    forking = ("--master", "--processes", "2", "--enable-threads", *GRACEFUL)
    return (BIN / "uwsgi", "--http-socket", f"127.0.0.1:{port}", *forking, *service, *options)


def requests(port):
    """Make requests until more than one worker has answered; return how many each answered."""
    answers = Counter(ask(port) for _ in range(REQUESTS))
    while len(answers) < 2:
        answers[ask(port)] += 1
        assert answers.total() < 100 * REQUESTS, "one worker answers everything"
    return answers


def served(receiver):
    return sorted(value for value in receiver.per_instance(CALLS).values() if value)


@pytest.mark.parametrize("options", [(), ("--worker-class", "gthread", "--threads", "4")], ids=["sync", "gthread"])
def test_gunicorn_with_an_application_loaded_before_the_fork(serve, receiver, port, options):
    with serve(*gunicorn(port, "--preload", *options)):
        answers = requests(port)
    assert served(receiver) == sorted([BEFORE, *answers.values()])


def test_gunicorn_with_an_application_loaded_by_each_worker(serve, receiver, port):
    with serve(*gunicorn(port)):
        answers = requests(port)
    found = served(receiver)
    assert len(found) == WORKERS
    assert sum(found) == WORKERS * BEFORE + answers.total()


def test_uwsgi_with_an_application_loaded_before_the_fork(serve, receiver, port):
    with serve(*uwsgi(port, "--py-call-uwsgi-fork-hooks")) as server:
        answers = requests(port)
    assert served(receiver) == sorted([BEFORE, *answers.values()])
    assert "without telling Python" not in server.output()


def test_uwsgi_that_does_not_tell_python_is_named_with_what_to_set(serve, receiver, port):
    """The control: its workers have no threads, so nothing but the parent's calls arrives."""
    with serve(*uwsgi(port)) as server:
        requests(port)
    assert served(receiver) == [BEFORE]
    assert "set py-call-uwsgi-fork-hooks = true" in server.output()


def test_without_the_renewal_the_warm_up_is_counted_by_every_worker(serve, receiver, port, tmp_path):
    """The control for gunicorn."""
    off = "import otel_clinical.sdk._providers as providers\nproviders.count_from_zero = lambda provider: None\n"
    (tmp_path / "service.py").write_text(off + (tmp_path / "service.py").read_text())
    with serve(*gunicorn(port, "--preload")):
        answers = requests(port)
    assert sum(served(receiver)) > BEFORE + answers.total()
