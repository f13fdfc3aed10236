"""`otel-clinical target` on a flag file that follows a release pointer."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from otel_clinical.cli import _frame
from otel_clinical.release import ReleasePointer, create_pointer, read_pointer, swap_pointer
from otel_clinical.rollback.store import Store

EXAMPLES = Path(__file__).parents[2] / "examples"


class Hospital:
    def __init__(self, folder: Path) -> None:
        self.folder, self.policy = folder, folder / "policy.yaml"
        text = (EXAMPLES / "policy.yaml").read_text().replace("/var/lib/otel-clinical-release/", f"{folder}/")
        self.policy.write_text(text)
        (folder / "baseline.json").write_text((EXAMPLES / "baseline.json").read_text())
        create_pointer(folder / "coding.json", ReleasePointer("coding", "8", previous_version="7"))
        self.flags = folder / "flags.json"
        self.serve("8")

    def serve(self, version: str, **flag: object) -> None:
        found = {"state": "ENABLED", "variants": {"7": "7", "8": "8"}, "defaultVariant": version} | flag
        self.flags.write_text(json.dumps({"flags": {"coding": found}}))

    @property
    def served(self) -> str:
        return json.loads(self.flags.read_text())["flags"]["coding"]["defaultVariant"]


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path)


@pytest.fixture
def target(hospital: Hospital, capsys: pytest.CaptureFixture):
    """Run `otel-clinical target` and return its exit code and all it printed."""

    def run(*arguments: str) -> tuple[int, str]:
        code = _frame.run(["target", *arguments, "--policy", str(hospital.policy)])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def test_test_proves_a_place_and_leaves_what_serves(hospital: Hospital, target) -> None:
    code, said = target("test")
    assert (code, said.splitlines()[0]) == (0, "coding flags: ok")
    assert "a swap that expected another state was refused; it let us write what it serves already" in said
    assert hospital.served == "8"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ('mlflow, uri: "sqlite:///nowhere.db", name: coding, alias: champion', "there is no registry nowhere.db"),
        ('mlflow, uri: "nothing://x", name: coding, alias: champion', "MLflow takes no such uri"),
        ("command, argv: [/nowhere/deploy]", "/nowhere/deploy cannot be started (No such file or directory)"),
        ('http, url: "http://127.0.0.1:9/x", secret_file: no-secret', "secret_file names this file"),
        ("pointer, path: other.json", "there is no release pointer"),
        (
            "kubernetes, resource: deployment, namespace: a, name: b, env: V, config: no-config",
            "there are no credentials for Kubernetes",
        ),
    ],
)
def test_test_says_of_every_kind_of_place_what_is_not_there(hospital: Hospital, target, place, said) -> None:
    text = hospital.policy.read_text()
    declared = next(line for line in text.splitlines() if "kind: flagd" in line)
    hospital.policy.write_text(text.replace(declared, f"        other: {{kind: {place}}}"))
    code, printed = target("test")
    assert (code, printed.splitlines()[0]) == (1, "coding other: NOT READY")
    assert said in printed
    assert "Traceback" not in printed
    assert not (hospital.folder / "nowhere.db").exists()


def test_test_says_what_would_keep_a_version_from_serving(hospital: Hospital, target) -> None:
    hospital.serve("8", variants={"8": "8"})
    code, said = target("test", "coding")
    assert code == 1
    assert "no variant 7; add it" in said


def test_test_says_that_a_place_cannot_be_reached(hospital: Hospital, target) -> None:
    hospital.flags.unlink()
    code, said = target("test")
    assert code == 1
    assert "there is no flag file" in said


def test_test_says_that_a_place_serves_what_the_policy_does_not_know(hospital: Hospital, target) -> None:
    hospital.serve("9", variants={"7": "7", "8": "8", "9": "9"})
    assert "it serves 9, which the policy does not declare" in target("test")[1]


def test_status_says_who_has_to_act(hospital: Hospital, target) -> None:
    assert "will be moved by the controller" in target("status")[1]
    assert target("sync", "coding", "flags", "--by", "Ana")[0] == 0
    assert target("status") == (0, "coding flags: serves 8, the pointer names 8: in step\n")
    hospital.serve("7", metadata={"otel_clinical_marker": "otel-clinical/1/8"})
    code, said = target("status")
    assert code == 1
    assert "changed by somebody else" in said


def test_sync_puts_a_place_back_in_step_and_says_who_wanted_it(hospital: Hospital, target) -> None:
    found = read_pointer(hospital.folder / "coding.json")
    swap_pointer(
        hospital.folder / "coding.json", found.epoch, lambda now: now.activate("7", at=time.time(), by="controller")
    )
    state = hospital.folder / "state"
    code, said = target("sync", "coding", "flags", "--by", "Ana", "--state", str(state))
    assert (code, hospital.served) == (0, "7")
    assert "serves 7, before 8; by Ana" in said
    store = Store(state)
    try:
        last = store.audit_events(0, 100)[-1]
    finally:
        store.close()
    assert last.action == "target.synced"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sync", "coding", "cluster", "--by", "Ana"), "names no place cluster for coding; named: flags"),
        (("sync", "coding", "flags"), "--by"),
        (("status", "triage"), "declares no model triage; declared: coding"),
    ],
)
def test_a_mistake_is_answered_with_what_is_allowed(target, arguments, said) -> None:
    code, printed = target(*arguments)
    assert code == 2
    assert said in printed
