"""The threads of a processor share one heap, so that what one let go of serves the others."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, sys, threading
from otel_clinical.cli import processor

if sys.argv[2] == "shared":
    processor.share_heap()
kept, begin = [], threading.Barrier(4)

def allocate():
    begin.wait(60)
    kept.extend(bytes(1000) for _ in range(1000))
    begin.wait(60)

threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
out = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(out))
libc.fclose(ctypes.c_void_p(out))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other C libraries have one heap")
@pytest.mark.parametrize(
    ("mode", "environment", "shared"),
    [("shared", {}, True), ("own", {}, False), ("shared", {"MALLOC_ARENA_MAX": "8"}, False)],
    ids=["as the processor starts", "without", "the environment says otherwise"],
)
def test_the_threads_of_a_processor_share_one_heap(tmp_path, mode, environment, shared):
    path, inherited = tmp_path / "heaps.xml", {k: v for k, v in os.environ.items() if k != "MALLOC_ARENA_MAX"}
    command = [sys.executable, "-c", SCRIPT, str(path), mode]
    subprocess.run(command, check=True, env=inherited | environment, timeout=120)
    assert (path.read_text().count("<heap nr=") == 1) is shared
