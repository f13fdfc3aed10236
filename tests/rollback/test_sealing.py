"""A signed report is known to be as it was written, and by whose key."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from otel_clinical.cli._frame import run
from otel_clinical.rollback.sealing import SUFFIX
from otel_clinical.rollback.signing import PRIVATE, PUBLIC, Signer, signer
from otel_clinical.rollback.store import Store
from tests.rollback._situations import NOW, Play, confirmed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A report with its signature, and the state directory it came from."""
    play, state, out = confirmed(Play()), tmp_path / "state", tmp_path / "incident.html"
    with closing(Store(state)) as store:
        store.commit("coding", Play().state, play.state, at=NOW)
    assert signer(state) is not None
    assert run(["rollback", "report", play.only.id, f"--state={state}", f"--out={out}", "--sign"]) == 0
    return out


def public(report: Path) -> str:
    return (report.parent / "state" / PUBLIC).read_text().strip()


def test_a_report_that_nobody_touched_verifies_with_the_public_key(
    signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["audit", "verify", f"--report={signed}", f"--key={public(signed)}"]) == 0
    assert "ok: signed 20" in (said := capsys.readouterr().out)
    assert "of the audit\n" in said
    assert run(["audit", "verify", f"--report={signed}"]) == 0
    assert "name it with --key to know whose that is" in capsys.readouterr().out


def test_the_public_key_may_be_named_by_its_file_and_a_mistyped_one_breaks_nothing(
    signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", "verify", f"--report={signed}", f"--key={signed.parent / 'state' / PUBLIC}"]) == 0
    for wrong in (str(signed.parent / "state" / "audit.pub"), str(signed), "abc"):
        capsys.readouterr()
        assert run(["audit", "verify", f"--report={signed}", f"--key={wrong}"]) == 2
        said = capsys.readouterr().err
        assert "expected 64 hexadecimal digits or a file" in said
        assert "BROKEN" not in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("report", "it was changed afterwards"),
        ("head", "does not hold"),
        ("time", "does not hold"),
        ("signature", "does not hold"),
        ("nonsense", "no signature of a report"),
        ("key", "is signed by key"),
    ],
)
def test_a_report_or_signature_that_was_changed_is_found_out(
    signed: Path, change: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seal, key = signed.with_name(signed.name + SUFFIX), public(signed)
    text = seal.read_text()
    match change:
        case "report":
            signed.write_text(signed.read_text().replace("coding", "triage"))
        case "head":
            seal.write_text(text.replace('"seq": ', '"seq": 1'))
        case "time":
            seal.write_text(text.replace('"time": ', '"time": 1'))
        case "signature":
            end = text.rindex('"')
            seal.write_text(f"{text[: end - 1]}{'1' if text[end - 1] == '0' else '0'}{text[end:]}")
        case "nonsense":
            seal.write_text("{}")
        case _:
            key = Signer(bytes(32)).public
    assert run(["audit", "verify", f"--report={signed}", f"--key={key}"]) == 1
    assert says in capsys.readouterr().err


def test_a_state_without_a_key_signs_nothing_and_makes_none(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = signed.parent / "state"
    (state / PRIVATE).unlink()
    (incident,) = confirmed(Play()).state.incidents
    assert run(["rollback", "report", incident, f"--state={state}", f"--out={signed}", "--sign"]) == 2
    assert "the controller makes it at its first start" in capsys.readouterr().err
    assert not (state / PRIVATE).exists()


def test_one_of_the_three_is_named(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "verify", f"--report={signed}", f"--state={signed.parent / 'state'}"]) == 2
    assert "name one of" in capsys.readouterr().err
