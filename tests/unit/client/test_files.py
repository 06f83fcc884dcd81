"""What is collected beside a template, and what is not."""

from __future__ import annotations

import pytest
import yaml

from global_heat.client import ApiError, collect_spec

NESTED = (
    "heat_template_version: 2018-08-31\nresources:\n  s: {type: T, properties: {a: {get_file: boot.sh}}}\n"
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "parts").mkdir()
    return tmp_path / "stack"


def write(path, text):
    path.write_text(text)
    return path


def test_files_are_taken_by_the_name_the_template_uses(folder):
    text = "resources: {r: {type: T, properties: {a: [{get_file: ./boot.sh}]}}}"
    template = write(folder / "t.yaml", text)
    write(folder / "boot.sh", "#!/bin/sh\n")
    spec = collect_spec(template)
    assert spec.template == text
    assert dict(spec.files) == {"./boot.sh": "#!/bin/sh\n"}


def test_a_nested_template_elsewhere_names_its_files_from_the_root(folder):
    template = write(folder / "t.yaml", "resources: {r: {type: parts/nested.yaml}}")
    write(folder / "parts" / "nested.yaml", NESTED)
    write(folder / "parts" / "boot.sh", "inner")
    write(folder / "boot.sh", "outer, which is another file")
    spec = collect_spec(template)
    assert set(spec.files) == {"parts/nested.yaml", "parts/boot.sh"}
    nested = yaml.safe_load(spec.files["parts/nested.yaml"])
    assert nested["resources"]["s"]["properties"]["a"] == {"get_file": "parts/boot.sh"}
    assert spec.files["parts/boot.sh"] == "inner"


def test_a_template_that_names_itself_ends(folder):
    template = write(folder / "t.yaml", "resources: {r: {type: again.yaml}}")
    write(folder / "again.yaml", "resources: {r: {type: again.yaml}}")
    assert set(collect_spec(template).files) == {"again.yaml"}


def test_environments_are_sent_one_document_each(folder):
    template = write(folder / "t.yaml", "resources: {}")
    write(folder / "parts" / "x.yaml", "resources: {}")
    one = write(folder / "one.yaml", "parameters: {a: 1, b: 1}\nregions: {default: East}\n")
    two = write(folder / "parts" / "two.yaml", "parameters: {b: 2}\nresource_registry: {My::Type: x.yaml}\n")
    spec = collect_spec(template, [one, two])
    assert list(yaml.safe_load_all(spec.environment)) == [
        {"parameters": {"a": 1, "b": 1}, "regions": {"default": "East"}},
        {"parameters": {"b": 2}, "resource_registry": {"My::Type": "parts/x.yaml"}},
    ]
    assert set(spec.files) == {"parts/x.yaml"}


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "file:///etc/hostname", "https://example.org/x"]
)
def test_what_lies_elsewhere_is_not_read(folder, name):
    write(folder.parent / "secret", "s3cret")
    template = write(
        folder / "t.yaml", f"resources: {{r: {{type: T, properties: {{a: {{get_file: '{name}'}}}}}}}}"
    )
    with pytest.raises(ApiError) as caught:
        collect_spec(template)
    assert [each.path for each in caught.value.violations] == [str(template)]
    assert name in caught.value.violations[0].message


def test_a_link_does_not_lead_outside(folder):
    (folder / "link").symlink_to(write(folder.parent / "secret", "s3cret"))
    template = write(folder / "t.yaml", "resources: {r: {type: T, properties: {a: {get_file: link}}}}")
    with pytest.raises(ApiError):
        collect_spec(template)


def test_a_root_that_is_given_is_read(folder):
    write(folder.parent / "shared", "text")
    template = write(folder / "t.yaml", "resources: {r: {type: T, properties: {a: {get_file: ../shared}}}}")
    assert dict(collect_spec(template, roots=[folder.parent]).files) == {"../shared": "text"}


def test_all_files_that_are_wrong_are_told_at_once(folder):
    (folder / "binary").write_bytes(b"\xff\xfe")
    write(folder / "bad.yaml", "a: [")
    text = "resources: {a: {type: bad.yaml}, b: {p: {get_file: binary}}, c: {p: {get_file: none}}}"
    with pytest.raises(ApiError) as caught:
        collect_spec(write(folder / "t.yaml", text))
    assert len(caught.value.violations) == 3
