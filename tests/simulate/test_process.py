"""Starting and ending real programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from otel_clinical.simulate.stack import ManagedProcess, ProcessError, free_ports, stop_all, wait_until

SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.fixture
def server(tmp_path):
    port = free_ports(1)[0]
    command = [sys.executable, "-c", SERVER, str(port)]
    process = ManagedProcess("server", command, tmp_path / "server.log", f"http://127.0.0.1:{port}/")
    yield process
    process.kill()


def test_ready_means_that_the_ready_address_answers(server):
    server.start()
    server.wait_ready()
    assert server.running


def test_stop_leaves_no_process(server):
    server.start()
    server.wait_ready()
    pid = server.pid
    server.stop()
    assert not alive(pid)
    assert not server.running


def test_restart_serves_on_the_same_address(server):
    server.start()
    server.wait_ready()
    before = server.pid
    server.kill()
    server.restart()
    assert server.pid != before
    assert server.running


def test_a_program_that_ends_early_is_reported_with_its_log(tmp_path):
    command = [sys.executable, "-c", "import sys; sys.exit('no such policy')"]
    process = ManagedProcess("processor", command, tmp_path / "x.log", "http://127.0.0.1:9/")
    process.start()
    with pytest.raises(ProcessError, match=r"(?s)processor ended with code 1.*x\.log.*no such policy"):
        process.wait_ready()


def test_a_program_that_never_answers_is_reported_after_the_deadline(tmp_path):
    process = ManagedProcess("mute", [sys.executable, "-c", DEAF], tmp_path / "x.log", "http://127.0.0.1:9/")
    process.start()
    try:
        with pytest.raises(ProcessError, match="waited 0 s for mute to be ready"):
            process.wait_ready(within=0)
    finally:
        process.kill()


def test_a_program_that_ignores_sigterm_is_killed(tmp_path):
    log = tmp_path / "deaf.log"
    process = ManagedProcess("deaf", [sys.executable, "-c", DEAF], log)
    process.start()
    wait_until(lambda: b"deaf" in log.read_bytes(), within=20, what="the program to listen")
    pid = process.pid
    stop_all([process], within=0.1)
    assert not alive(pid)


def test_a_program_that_does_not_exist_is_reported(tmp_path):
    process = ManagedProcess("ghost", [str(tmp_path / "nowhere")], tmp_path / "x.log", "http://127.0.0.1:9/")
    process.start()
    with pytest.raises(ProcessError, match=r"(?s)ghost ended with code 1.*nowhere"):
        process.wait_ready()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_parent_that_dies_takes_its_programs_along(tmp_path, number):
    """Not even kill -9 of the parent leaves a process behind."""
    parent = f"""
import sys, time
from pathlib import Path
from otel_clinical.simulate.stack import ManagedProcess
child = ManagedProcess("child", [sys.executable, "-c", "import time; time.sleep(600)"], Path({str(tmp_path / "l")!r}))
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, env=environment) as running:
        child = int(running.stdout.readline())
        assert alive(child)
        os.kill(running.pid, number)
        running.wait()
        wait_until(lambda: not alive(child), within=10, what="the child to end")
