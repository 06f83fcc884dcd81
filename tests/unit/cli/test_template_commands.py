"""What can be asked of a template without a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from global_heat.cli.main import main

GOOD = """
heat_template_version: 2018-08-31
parameters: {size: {type: number, default: 1}}
resources:
  n: {type: 'OS::Neutron::Net', region: east, properties: {name: x}}
  s: {type: 'OS::Neutron::Subnet', region: east, properties: {network: {get_resource: n}, cidr: 10.0.0.0/24}}
  v: {type: 'OS::Heat::Value', region: west, depends_on: s, properties: {value: {get_param: size}}}
outputs: {o: {value: {get_attr: [n, name]}}}
"""
BAD = """heat_template_version: 2015-10-15
parameters:
  f: {type: string}
resources:
  n:
    type: OS::Neutron::Net
    properties: {nme: x}
  a: {type: child.yaml}
outputs:
  o: {value: {yaql: {expression: $}}}
"""
CHILD = "heat_template_version: 2018-08-31\nresources:\n  x: {type: 'No::Such'}\n"


def run(tmp_path: Path, *command: str, text: str = GOOD) -> Result:
    (tmp_path / "t.yaml").write_text(text)
    (tmp_path / "child.yaml").write_text(CHILD)
    options = ["-t", str(tmp_path / "t.yaml")] if command[0] in ("validate", "evaluate", "graph") else []
    return CliRunner().invoke(main, ["template", command[0], *options, *command[1:]])


def test_a_good_template(tmp_path: Path) -> None:
    result = run(tmp_path, "validate")
    assert (result.exit_code, result.output) == (0, "good: 3 resources in 2 regions\n")


def test_all_faults_are_told_with_their_lines(tmp_path: Path) -> None:
    result = run(tmp_path, "validate", text=BAD)
    assert result.exit_code == 1
    told = [line.split(": ")[:3] for line in result.output.splitlines()]
    assert told == [
        ["template:10:15", "warning", "outputs.o.value.yaql"],
        ["template:3:3", "fault", "parameters.f"],
        ["child.yaml:3:7", "fault", "resources.a<child.yaml>.resources.x.type"],
        ["template:7:18", "fault", "resources.n.properties.nme"],
        ["The template has 3 faults"],
    ]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["regions: {}\nnope: {}"], ["0.yaml:2:1", "environment.nope"]),
        (["parameters:\n  size: x"], ["0.yaml:2:3", "environment.parameters.size"]),
        (["# nothing", "regions: {}", "regions: {}\nnope: {}"], ["2.yaml:2:1", "environment 2.nope"]),
        (["parameters: {size: 1}", "parameters:\n  size: x"], ["1.yaml:2:3", "environment.parameters.size"]),
    ],
)
def test_faults_of_environments_are_told_with_their_lines(
    tmp_path: Path, texts: list[str], told: list[str]
) -> None:
    options = []
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.yaml").write_text(text)
        options += ["-e", str(tmp_path / f"{number}.yaml")]
    result = run(tmp_path, "validate", *options)
    assert result.exit_code == 1
    where, kind, path = result.output.splitlines()[0].removeprefix(f"{tmp_path}/").split(": ")[:3]
    assert ([where, path], kind) == (told, "fault")


@pytest.mark.parametrize("parameter", ["size", "other"])
def test_a_fault_of_what_the_command_gives_says_so(tmp_path: Path, parameter: str) -> None:
    (tmp_path / "value").write_text("x")
    for option, value in (("-P", "x"), ("--parameter-file", str(tmp_path / "value"))):
        result = run(tmp_path, "validate", option, f"{parameter}={value}")
        assert result.exit_code == 1
        assert result.output.startswith(f"{option} {parameter}: fault: parameters.{parameter}: ")


def test_a_fault_of_a_declaration_is_none_of_the_value(tmp_path: Path) -> None:
    text = "heat_template_version: 2018-08-31\nparameters:\n  size: 5\n"
    result = run(tmp_path, "validate", "-P", "size=1", text=text)
    assert result.output.startswith("template:3:3: fault: parameters.size: ")


def test_the_form_alone(tmp_path: Path) -> None:
    needy = "heat_template_version: 2018-08-31\nparameters: {f: {type: string}}\n"
    assert run(tmp_path, "validate", text=needy).exit_code == 1
    assert run(tmp_path, "validate", "--form", text=needy).output == "good in form\n"


def test_what_is_not_carried_out_is_a_warning(tmp_path: Path) -> None:
    text = (
        "heat_template_version: 2018-08-31\nresources:\n  z: {type: 'OS::Zun::Container', properties: {%s}}\n"
    )
    result = run(tmp_path, "validate", text=text % "image: i")
    assert result.exit_code == 0
    assert (
        "template:3:7: warning: resources.z.type: OS::Zun::Container cannot be carried out yet"
        in result.output
    )


def test_values(tmp_path: Path) -> None:
    said = json.loads(run(tmp_path, "evaluate", "-P", "size=7", "-f", "json").output)
    assert said["resources"]["v"] == {"type": "OS::Heat::Value", "region": "west", "properties": {"value": 7}}
    assert said["resources"]["s"]["properties"]["network"] == "<known after n>"
    assert said["outputs"] == {"o": "<known after n.name>"}


def test_a_drawing(tmp_path: Path) -> None:
    assert run(tmp_path, "graph").output.splitlines() == [
        "east",
        "├─ n  OS::Neutron::Net",
        "└─ s  OS::Neutron::Subnet",
        "   └─ after n",
        "west",
        "└─ v  OS::Heat::Value",
        "   └─ after s  (east)",
    ]


def test_a_drawing_for_graphviz(tmp_path: Path) -> None:
    lines = run(tmp_path, "graph", "--dot").output.splitlines()
    assert lines[0] == "digraph template {" and lines[-1] == "}"
    assert '  "v" -> "s";' in lines
    assert sum(line.startswith("  subgraph cluster_") for line in lines) == 2


@pytest.mark.parametrize(
    ("command", "there", "absent"),
    [
        (("functions",), "str_replace_strict", "Fn::GetAtt"),
        (("functions", "--version", "2015-10-15"), "str_split", "yaql"),
        (("functions", "--cfn"), "Fn::GetAtt", "get_attr"),
        (("functions", "--cfn", "--version", "2010-09-09"), "Fn::Equals", "get_attr"),
        (("functions", "--cfn", "--version", "2012-12-12"), "Fn::GetAtt", "Fn::If"),
        (("types", "subnet"), "OS::Neutron::Subnet", "OS::Nova::Server"),
        (("show", "OS::Neutron::Subnet"), "allocation_pools.*.start", "network_id  "),
    ],
)
def test_what_there_is(tmp_path: Path, command: tuple[str, ...], there: str, absent: str) -> None:
    result = run(tmp_path, *command)
    assert result.exit_code == 0
    assert there in result.output
    assert absent not in result.output


@pytest.mark.parametrize("command", [("types",), ("functions", "-f", "json"), ("show", "OS::Nova::Server")])
def test_it_ends_quietly_when_nobody_reads(command: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    call = (sys.executable, "-c", "from global_heat.cli.main import main; main()", "template", *command)
    ended = subprocess.run(call, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.parametrize("options", [("--version", "2012-12-12"), ("--cfn", "--version", "queens")])
def test_versions_of_the_other_language(tmp_path: Path, options: tuple[str, ...]) -> None:
    result = run(tmp_path, "functions", *options)
    assert result.exit_code == 2
    assert "no version of" in result.output


def test_a_type_that_there_is_not(tmp_path: Path) -> None:
    result = run(tmp_path, "show", "Neutron::Sub")
    assert result.exit_code == 1
    assert "OS::Neutron::Subnet" in result.output
