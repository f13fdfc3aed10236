"""Every package says what is public, and what it says exists."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import otel_clinical

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(
    "otel_clinical." + path.parent.relative_to(ROOT / "otel_clinical").as_posix().replace("/", ".")
    for path in (ROOT / "otel_clinical").glob("*/__init__.py")
)


def test_the_public_names_are_the_ones_promised():
    promised = {
        "AbstentionReason", "Arguments", "Assistance", "BadSignatureError", "BusinessEntry", "ConfidenceMethod",
        "DeploymentChangeReason", "DeploymentChangeTrigger", "DeploymentChangeType", "DeploymentRole",
        "ExpiredReceiptError", "FeedbackCategory", "FeedbackChannel", "FeedbackRating", "FutureReceiptError",
        "Inference", "InputDomain", "InputIssueType", "InputQualityAction", "InputRefused",
        "MalformedReceiptError", "ModelRouter", "OperationName", "OutcomeResult", "OutcomeSource",
        "OverrideReason", "QualityProfile", "QualityResult", "Receipt", "ReceiptError", "ReceiptKeys",
        "Recorded", "Rejection", "ReviewAction", "ReviewerRole", "RoutedToManual", "RoutingLevel",
        "RoutingReason", "SafetyEventSeverity", "SafetyEventType", "SegmentName", "SupportsConfidence",
        "Telemetry", "TruncatedReceiptError", "UnknownKeyError", "UnknownVersionError", "UseCase",
        "__version__", "business", "configure_receipts", "current_inference", "declare_segments",
        "declare_values", "default_telemetry", "edit_ratio", "feedback", "flush", "inference", "input_quality",
        "outcome", "record_cost", "record_deployment_change", "record_encounter", "record_feedback",
        "record_feedback_triage", "record_inference", "record_outcome", "record_revenue", "record_review",
        "record_risk_event", "record_safety_event", "record_task", "register_version", "review", "safety_event",
        "set_telemetry", "shutdown", "task", "use_telemetry",
    }  # fmt: skip
    assert set(otel_clinical.__all__) == promised


@pytest.mark.parametrize("name", otel_clinical.__all__)
def test_every_public_name_loads(name):
    assert getattr(otel_clinical, name) is not None


def test_everything_public_of_the_instrumentation_is_public():
    assert set(importlib.import_module("otel_clinical.instrument").__all__) <= set(otel_clinical.__all__)


def test_lazy_names_and_the_public_list_agree():
    assert {*otel_clinical._EXPORTS, "__version__"} == set(otel_clinical.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'otel_clinical' has no attribute 'nonsense'"):
        otel_clinical.nonsense  # noqa: B018


@pytest.mark.parametrize("name", PACKAGES)
def test_every_package_lists_public_names_that_exist(name):
    package = importlib.import_module(name)
    if package.__doc__ and not hasattr(package, "__all__"):
        # pytest rewrites the modules of a distribution with a plugin and leaves names that begin with @
        public = [key for key in vars(package) if not key.startswith(("_", "@")) and key != "annotations"]
        modules = [key for key in public if f"{name}.{key}" in sys.modules]
        assert sorted(public) == sorted(modules), "a package that exports names needs __all__"
        return
    assert sorted(package.__all__) == sorted(set(package.__all__))
    for member in package.__all__:
        assert hasattr(package, member), member
        assert not member.startswith("_")


@pytest.mark.parametrize("name", PACKAGES)
def test_no_module_takes_the_place_of_a_public_name_when_it_is_imported(name):
    package = importlib.import_module(name)
    folder = Path(package.__file__).parent
    beside = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    taken = [public for public in getattr(package, "__all__", ()) if public in beside]
    # Whoever means the module says so by exporting it.
    assert [public for public in taken if not isinstance(getattr(package, public), ModuleType)] == []


def test_the_decorator_loads_neither_the_network_stack_nor_cryptography_nor_the_router():
    code = (
        "import opentelemetry.trace, sys\n"
        "before = set(sys.modules)\n"
        "from otel_clinical import inference\n"
        "slow = {'asyncio', 'ssl', 'socket', 'hashlib', '_hashlib', 'tempfile', 'pathlib', 'otel_clinical.release'}\n"
        "found = sorted(slow & (set(sys.modules) - before))\n"
        "sys.exit(', '.join(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_everything_public_needs_only_the_core():
    """A library may depend on the decorators without dragging in an SDK or a numerical stack."""
    code = (
        "import sys, otel_clinical\n"
        "[getattr(otel_clinical, name) for name in otel_clinical.__all__]\n"
        "heavy = {'river', 'scipy', 'numpy', 'grpc', 'pydantic', 'yaml', 'click', 'prometheus_client'}\n"
        "found = sorted(heavy & set(sys.modules)) + [m for m in sys.modules if m.startswith('opentelemetry.sdk')]\n"
        "sys.exit(', '.join(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
