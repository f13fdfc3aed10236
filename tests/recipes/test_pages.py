"""The pages show what the files hold, and link to what exists."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.recipes.conftest import RECIPES, ROOT

PAGES = (
    *("recipes.md", "setup.md", "doctor.md", "settings.md"),
    *("collector.md", "patient-data.md", "instrumentation-evidence.md", "glossary.md"),
)
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
FILES = {path.name: path.read_text(encoding="utf-8") for path in RECIPES.glob("*.py")}


@pytest.mark.parametrize("block", _BLOCK.findall((ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")))
def test_what_a_recipe_shows_is_in_its_file(block):
    assert any(block.strip("\n") in text for text in FILES.values()), block


def test_every_recipe_is_on_the_page():
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert [name for name in FILES if name not in text and name != "wsgi_service.py"] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    missing = [link for link in _LINK.findall(text) if "://" not in link and not (ROOT / "docs" / link).exists()]
    assert missing == []


def test_what_the_page_shows_of_the_configuration_file_is_in_it():
    text = (ROOT / "docs" / "setup.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (processor,) = yaml.safe_load(shown)["tracer_provider"]["processors"]
    whole = yaml.safe_load((RECIPES / "otel.yaml").read_text(encoding="utf-8"))
    (found,) = whole["tracer_provider"]["processors"]
    assert processor["batch"]["exporter"].keys() == found["batch"]["exporter"].keys() == {"otlp_clinical"}


def test_the_lines_that_wrap_exporters_are_those_of_the_example():
    text = (ROOT / "docs" / "setup.md").read_text(encoding="utf-8")
    shown = [line.strip() for block in _BLOCK.findall(text) for line in block.splitlines() if "redacted(" in line]
    assert len(shown) == 3
    assert all(line in FILES["existing.py"] for line in shown)
