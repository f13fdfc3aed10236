"""Finding Prometheus and Alertmanager."""

from __future__ import annotations

import os
import subprocess
import threading

import pytest

from otel_clinical.simulate import _apt, _binaries
from otel_clinical.simulate._apt import AptError, unpack_packages
from otel_clinical.simulate.stack import BinaryNotFoundError, binary


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """Give the test an empty PATH and an empty cache."""
    path, cache = tmp_path / "path", tmp_path / "cache"
    path.mkdir()
    cache.mkdir()
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return path, cache


def program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def fake_packages(scratch):
    tree = scratch / "tree"
    for name in ("prometheus", "promtool", "amtool"):
        program(tree / "usr/bin" / name)
    program(tree / "usr/bin/prometheus-alertmanager").write_bytes(b"\0/usr/share/prometheus/alertmanager/ui\0")
    return tree


def test_a_program_on_path_is_used_first(bare):
    path, _ = bare
    assert program(path / "promtool") == binary("promtool")


def test_debians_long_name_of_the_alertmanager_is_known(bare):
    path, _ = bare
    assert program(path / "prometheus-alertmanager") == binary("alertmanager")


def test_a_program_in_the_cache_is_used_without_asking_apt(bare, monkeypatch):
    _, cache = bare
    cached = program(cache / "otel-clinical/debian/tree/usr/bin/prometheus")
    monkeypatch.setattr(_binaries, "unpack_packages", lambda *_: pytest.fail("asked apt"))
    assert binary("prometheus") == cached


def test_without_apt_the_error_says_what_to_install(bare):
    with pytest.raises(BinaryNotFoundError) as raised:
        binary("alertmanager")
    text = str(raised.value)
    assert "alertmanager is not on PATH" in text
    assert "apt-get is not on PATH" in text
    assert "Prometheus 2.42 or newer and Alertmanager 0.25 or newer" in text
    assert "sudo apt-get install prometheus prometheus-alertmanager" in text


def test_a_cache_that_cannot_be_written_is_reported_and_not_a_traceback(bare):
    _, cache = bare
    (cache / "otel-clinical").write_text("a file in the way")
    with pytest.raises(BinaryNotFoundError, match="could not be unpacked"):
        binary("prometheus")


def test_a_failed_download_leaves_nothing_half_unpacked(bare, monkeypatch):
    _, cache = bare

    def fail(_packages, scratch):
        fake_packages(scratch)
        raise AptError("the archive does not answer")

    monkeypatch.setattr(_binaries, "unpack_packages", fail)
    with pytest.raises(BinaryNotFoundError, match="the archive does not answer"):
        binary("prometheus")
    assert [path.name for path in (cache / "otel-clinical/debian").iterdir()] == [".lock"]


def test_many_that_ask_at_once_unpack_once(bare, monkeypatch):
    calls = []
    together = threading.Barrier(4)

    def unpack(_packages, scratch):
        calls.append(scratch)
        return fake_packages(scratch)

    def ask():
        together.wait()
        binary("prometheus")

    monkeypatch.setattr(_binaries, "unpack_packages", unpack)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_the_unpacked_alertmanager_looks_for_its_files_below_its_folder(bare, monkeypatch):
    monkeypatch.setattr(_binaries, "unpack_packages", lambda _packages, scratch: fake_packages(scratch))
    program_path = binary("alertmanager")
    assert program_path.read_bytes() == b"\0usr/share/prometheus/alertmanager//ui\0"
    assert _binaries.working_directory(program_path) == program_path.parents[2]


def test_a_relative_cache_folder_is_ignored_as_its_specification_demands(bare, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _binaries._cache() == tmp_path / ".cache" / "otel-clinical"


def test_stale_package_lists_are_fetched_into_a_private_folder(tmp_path, monkeypatch):
    """A fresh machine has no lists: those of the machine stay untouched, and no root is needed."""
    asked = []

    def run(command, **_options):
        asked.append(command)
        fails = command[:2] == ["apt-get", "download"]
        return subprocess.CompletedProcess(command, 100 if fails else 0, "", "E: Unable to locate package prometheus")

    monkeypatch.setattr(_apt.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(_apt.subprocess, "run", run)
    unpack_packages(["prometheus"], tmp_path)
    update, download = asked[1], asked[2]
    assert update[-1] == "update"
    assert download[-2:] == ["download", "prometheus"]
    for command in (update, download):
        assert f"Dir::State={tmp_path / 'apt' / 'state'}" in command
        assert f"Dir::Cache={tmp_path / 'apt' / 'cache'}" in command


def test_what_apt_says_last_is_what_the_error_says(tmp_path, monkeypatch):
    def run(command, **_options):
        return subprocess.CompletedProcess(command, 100, "", "W: noise\nE: Temporary failure resolving the archive\n")

    monkeypatch.setattr(_apt.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(_apt.subprocess, "run", run)
    with pytest.raises(AptError, match="Temporary failure resolving"):
        unpack_packages(["prometheus"], tmp_path)


@pytest.mark.stack
@pytest.mark.parametrize("name", ["prometheus", "promtool", "alertmanager", "amtool"])
def test_every_program_that_is_found_runs(name):
    path = binary(name)
    done = subprocess.run(
        [path, "--version"], capture_output=True, check=True, cwd=_binaries.working_directory(path), timeout=60
    )
    assert name.encode() in done.stdout + done.stderr
    assert os.access(path, os.X_OK)
