"""The registry's files are read strictly."""

from __future__ import annotations

import shutil

import pytest

from otel_clinical.generate._registry import IMPORTED, REGISTRY, RegistryError, load_registry


@pytest.fixture
def copy(tmp_path):
    """Return a registry that a test may break."""
    folder = tmp_path / "registry"
    shutil.copytree(REGISTRY, folder)
    return folder


def test_an_untouched_copy_loads(copy):
    assert load_registry(copy) == load_registry()


def test_a_file_of_another_format_is_refused(copy):
    (copy / "events.yaml").write_text("file_format: definition/1\nevents: []\n", encoding="utf-8")
    with pytest.raises(RegistryError, match=r"events\.yaml.*file_format: definition/2"):
        load_registry(copy)


def test_an_unknown_section_is_refused(copy):
    (copy / "events.yaml").write_text("file_format: definition/2\nevent: []\n", encoding="utf-8")
    with pytest.raises(RegistryError, match="unknown section 'event'"):
        load_registry(copy)


def test_a_misspelt_key_of_a_definition_is_refused(copy):
    path = copy / "metrics" / "self.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("instrument:", "instument:"), encoding="utf-8")
    with pytest.raises(RegistryError, match="unknown key 'instument'"):
        load_registry(copy)


def test_a_missing_key_of_a_definition_is_refused(copy):
    path = copy / "metrics" / "self.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("    instrument: counter\n", "", 1), encoding="utf-8")
    with pytest.raises(RegistryError, match="lacks 'instrument'"):
        load_registry(copy)


def test_an_attribute_defined_twice_is_refused(copy):
    shutil.copy(copy / "attributes" / "input.yaml", copy / "attributes" / "again.yaml")
    with pytest.raises(RegistryError, match="is defined twice"):
        load_registry(copy)


def test_an_unknown_group_is_refused(copy):
    path = copy / "events.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("fields.origin", "fields.orign"), encoding="utf-8")
    with pytest.raises(RegistryError, match=r"unknown ref_group .*orign"):
        load_registry(copy)


@pytest.mark.parametrize("content", ["[]", "a: [", ""])
def test_a_file_that_is_no_mapping_is_refused(copy, content):
    (copy / "events.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(RegistryError, match=r"events\.yaml"):
        load_registry(copy)


def test_the_manifest_names_one_dependency_by_schema_url():
    text = (REGISTRY / "manifest.yaml").read_text(encoding="utf-8")
    assert text.count("- schema_url: https://opentelemetry.io/schemas/") == 1


def test_imported_attributes_are_not_ours():
    registry = load_registry(REGISTRY, IMPORTED)
    assert all(not a.key.startswith("clinical_ai.") for a in registry.attributes.values() if a.imported)
