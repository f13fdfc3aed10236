"""The built wheel works in an environment that holds nothing but its core dependencies."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from otel_clinical import __version__

ROOT = Path(__file__).parents[1]
CORE_PACKAGES = ("semconv", "release", "quality", "instrument")
"""Packages that the core dependencies must be enough for."""


def core_distributions() -> list[str]:
    """Return the core dependencies of the project and theirs, by name."""
    found: list[str] = []
    queue = [re.split(r"[<>=\[;, ]", line)[0] for line in _core_requirements()]
    while queue:
        name = queue.pop()
        if name not in found:
            found.append(name)
            wanted = importlib.metadata.requires(name) or []
            queue += [re.split(r"[<>=!~\[;, (]", line)[0] for line in wanted if "extra ==" not in line]
    return found


def _core_requirements() -> list[str]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    return re.findall(r'"([^"]+)"', block[1])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """Return the interpreter of an environment with the wheel and copies of its core dependencies.

    The dependencies are copied file by file from the environment under test instead of being downloaded: the same
    versions, nothing besides, and no network.
    """
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder, with_pip=False)
    interpreter = folder / "bin" / "python"
    (site,) = folder.glob("lib/python*/site-packages")
    for name in core_distributions():
        copy_distribution(name, site)
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from pip._internal.cli.main import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    pip = str(Path(importlib.metadata.distribution("pip").locate_file("")))
    install = ["install", "--no-deps", "--no-index", "--quiet", "--disable-pip-version-check", wheel]
    subprocess.run([interpreter, "-c", code, pip, *install], check=True, capture_output=True)
    return interpreter


def copy_distribution(name: str, site: Path) -> None:
    for file in importlib.metadata.files(name) or []:
        source = Path(file.locate())
        target = site / file
        if ".." in file.parts or source.suffix == ".pyc" or not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, cwd="/")


def modules_of(wheel: Path, *packages: str) -> list[str]:
    """Return the modules that the wheel holds in the given packages, by dotted name."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name.removesuffix(".py") for name in archive.namelist() if name.endswith(".py")]
    dotted = [name.replace("/", ".").removesuffix(".__init__") for name in names]
    return sorted(name for name in dotted if name.split(".")[1:2] in ([package] for package in packages))


def test_the_environment_holds_only_the_core(python):
    """Negative control: what the extras bring must not be importable here."""
    for absent in ("numpy", "river", "pydantic", "click", "opentelemetry.sdk", "prometheus_client", "starlette"):
        assert run(python, "-c", f"import {absent}").returncode != 0, absent


def test_every_core_module_imports(wheel, python):
    modules = modules_of(wheel, *CORE_PACKAGES)
    assert len(modules) > 10
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = run(python, "-W", "error", "-c", code, "otel_clinical", "otel_clinical.cli", *modules)
    assert done.returncode == 0, done.stderr


def test_every_public_name_loads(python):
    code = "import otel_clinical as o; [getattr(o, name) for name in o.__all__]"
    done = run(python, "-W", "error", "-c", code)
    assert done.returncode == 0, done.stderr


def test_the_command_prints_its_version(python):
    done = run(python.parent / "otel-clinical", "--version")
    assert (done.returncode, done.stdout) == (0, f"otel-clinical {__version__}\n")


def test_the_command_says_which_extra_it_needs(python):
    done = run(python.parent / "otel-clinical", "check", "policy.yaml")
    assert (done.returncode, done.stderr) == (
        2,
        "Error: the command line needs an extra: pip install 'otel-clinical[sdk]'\n",
    )


def test_the_wheel_carries_the_registry_the_marker_and_the_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "otel_clinical/py.typed" in names
    assert "otel_clinical/semconv/registry/manifest.yaml" in names
    assert "otel_clinical/semconv/imported.yaml" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith("tests/")]
