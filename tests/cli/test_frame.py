"""The command line answers a person in sentences, whatever goes wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from otel_clinical import __version__
from otel_clinical.cli import _frame, main
from otel_clinical.cli._errors import CliError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(capsys, monkeypatch):
    """Run the command line and return its exit code, output and errors."""
    monkeypatch.delenv(_frame.DEBUG, raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exited:
            main(arguments)
        captured = capsys.readouterr()
        return int(exited.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def probe(monkeypatch):
    """Return a function that adds a sub-command `probe` with the given body."""

    def add(body):
        monkeypatch.setitem(_frame.COMMANDS, "probe", _frame.SubCommand("sdk", "Probe."))

        def lookup(name):
            assert name == "otel_clinical.cli.probe"
            return type("Module", (), {"command": click.command("probe")(body)})

        monkeypatch.setattr(_frame.importlib, "import_module", lookup)

    return add


def test_the_version_is_printed(call):
    assert call("--version") == (0, f"otel-clinical {__version__}\n", "")


def test_help_lists_every_sub_command_without_importing_one(call, monkeypatch):
    def refuse(name):
        raise AssertionError(name)

    monkeypatch.setattr(_frame.importlib, "import_module", refuse)
    code, out, _ = call("--help")
    assert code == 0
    assert all(f"\n  {name} " in out for name in _frame.COMMANDS)


def test_every_listed_sub_command_exists():
    missing = [name for name in _frame.COMMANDS if not (ROOT / "otel_clinical" / "cli" / f"{name}.py").exists()]
    assert missing == []


def test_an_unknown_sub_command_is_a_mistake_of_the_caller(call):
    code, _, err = call("nonsense")
    assert code == 2
    assert "No such command 'nonsense'" in err


def test_a_missing_extra_is_named_in_one_sentence(call, monkeypatch):
    def refuse(name):
        raise ModuleNotFoundError("No module named 'river'", name="river.drift")

    monkeypatch.setattr(_frame.importlib, "import_module", refuse)
    assert call("processor", "run") == (
        2,
        "",
        "Error: 'processor' needs the package 'river': pip install 'otel-clinical[processor]'\n",
    )


def test_a_package_missing_at_run_time_is_named_in_one_sentence(call, probe):
    def body():
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")

    probe(body)
    assert call("probe") == (
        2,
        "",
        "Error: this command needs the package 'matplotlib': pip install 'otel-clinical[reports]'\n",
    )


def test_without_click_the_sentence_still_comes(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "otel_clinical.cli._frame", None)
    with pytest.raises(ModuleNotFoundError):  # another missing module is a defect, not a missing extra
        main(["check"])
    code = "import sys; sys.modules['click'] = None; from otel_clinical.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, "check", "policy.yaml"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        2,
        "Error: the command line needs an extra: pip install 'otel-clinical[sdk]'\n",
    )


def test_a_users_mistake_is_one_sentence(call, probe):
    def body():
        raise CliError("state directory /nowhere is missing: create it")

    probe(body)
    assert call("probe") == (2, "", "Error: state directory /nowhere is missing: create it\n")


def test_an_operating_system_error_names_the_file(call, probe):
    def body():
        raise PermissionError(13, "Permission denied", "/var/lib/state")

    probe(body)
    assert call("probe") == (2, "", "Error: /var/lib/state: Permission denied\n")


def test_a_negative_answer_keeps_its_exit_code(call, probe):
    def body():
        raise click.exceptions.Exit(1)

    probe(body)
    assert call("probe")[0] == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, click.Abort])
def test_an_interruption_is_no_defect(call, probe, error):
    def body():
        raise error

    probe(body)
    code, _, err = call("probe")
    assert (code, err.strip()) == (130, "Interrupted.")


def test_a_defect_says_what_to_do_and_keeps_the_exceptions_text_to_itself(call, probe):
    def body():
        raise RuntimeError("MRN 00123")

    probe(body)
    code, out, err = call("probe")
    assert (code, out) == (70, "")
    assert "unexpected RuntimeError at otel_clinical/cli/_frame.py:" in err
    assert "OTEL_CLINICAL_DEBUG=1" in err
    assert "00123" not in err
    assert "Traceback" not in err


def test_a_defect_shows_its_traceback_when_asked(call, probe, monkeypatch):
    def body():
        raise RuntimeError("boom")

    probe(body)
    monkeypatch.setenv(_frame.DEBUG, "1")
    code, _, err = call("probe")
    assert code == 70
    assert "Traceback" in err


def test_the_command_line_runs_as_a_module():
    command = [sys.executable, "-m", "otel_clinical.cli", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"otel-clinical {__version__}\n")


def test_on_a_wide_terminal_help_says_what_a_command_does_to_the_end(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    code, said, _ = call("rollback", "--help")
    assert code == 0
    assert "Keep the controller from changing MODEL until it is armed" in said
    assert 100 < max(map(len, said.splitlines())) <= 120
