"""The commands against a real front door."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import click
import pytest
import yaml
from click.testing import CliRunner

from global_heat.cli.main import main
from global_heat.model.names import Project
from global_heat.resources.catalogue import load_schemas
from global_heat.resources.heat.wait_condition_handle import command
from global_heat.store.reading import resolve_name
from tests.unit.api.world import EAST, ONE_NET, TWO_REGIONS, WEST


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(TWO_REGIONS)
    return str(path)


def ok(result):
    assert result.exit_code == 0, result.output
    return result.stdout


def test_create_list_show_delete(front, template):
    created = json.loads(
        ok(front.run("stack", "create", "web", "-t", template, "-P", "label=x", "-f", "json"))
    )
    assert (created["stack"], created["verb"], created["done"]) == ("web", "create", False)
    listed = json.loads(ok(front.run("stack", "list", "-f", "json")))
    assert [(each["name"], each["status"]) for each in listed] == [("web", "CREATE_IN_PROGRESS")]
    assert listed[0]["waiting_for"] == ["RegionOne", "RegionTwo"]
    etag = json.loads(ok(front.run("stack", "show", "web", "-f", "json")))["etag"]
    assert listed[0]["etag"] == etag != ""
    front.do(front.world.build("web"))
    shown = yaml.safe_load(ok(front.run("stack", "show", "web", "-f", "yaml")))
    assert shown["status"] == "CREATE_COMPLETE"
    assert shown["parameters"] == {"label": "x"}
    assert shown["outputs"] == {"network": "RegionOne-net"}
    assert [each["state"] for each in shown["regions"]] == ["DONE", "DONE"]
    table = [line.split() for line in ok(front.run("stack", "show", "web")).splitlines()]
    assert ["outputs", "network=RegionOne-net"] in table and ["parameters", "label=x"] in table
    assert ["regions", "region=RegionOne", "state=DONE"] in [line[:3] for line in table]
    assert ok(front.run("stack", "outputs", "web", "network")) == "RegionOne-net\n"
    assert "net" in ok(front.run("stack", "resources", "web"))
    attributes = json.loads(ok(front.run("stack", "resources", "web", "net", "-f", "json")))["attributes"]
    assert attributes == {"name": "net"}
    events = json.loads(ok(front.run("stack", "events", "web", "-f", "json", "-c", "resource")))
    assert [each["resource"] for each in events] == ["net", "subnet", "far"]
    assert "delete" in ok(front.run("stack", "delete", "web", "--yes"))


def test_a_plan_is_a_table_of_regions_then_the_steps_by_region(front, template):
    lines = [line.split() for line in ok(front.run("stack", "plan", "web", "-t", template)).splitlines()]
    assert ["region", "add", "change", "replace", "delete", "keep", "retain"] in lines
    assert ["RegionOne", "2", "-", "-", "-", "-", "-"] in lines
    assert ["RegionTwo", "1", "-", "-", "-", "-", "-"] in lines
    assert ["all", "3", "-", "-", "-", "-", "-"] in lines
    steps = lines[lines.index(["RegionOne"]) :]
    assert (
        steps[1][:2] == ["+", "net"]
        and ["+", "far", "OS::Neutron::Net"] in steps[steps.index(["RegionTwo"]) :]
    )
    assert front.run("stack", "plan", "web", "-t", template, "--exit-code").exit_code == 6
    ok(front.run("stack", "apply", "web", "-t", template))
    front.do(front.world.build("web"))
    same = front.run("stack", "plan", "web", "-t", template, "--exit-code")
    assert "Nothing to do" in ok(same)
    changed = json.loads(ok(front.run("stack", "plan", "web", "-t", template, "-P", "label=y", "-f", "json")))
    assert changed["resources"][0] | {"needs": []} == {
        "region": "RegionOne",
        "resource": "net",
        "type": "OS::Neutron::Net",
        "action": "change",
        "changes": ["name"],
        "forces_replacement": [],
        "refused": "",
        "needs": [],
    }
    stale = front.run("stack", "apply", "web", "-t", template, "--etag", "1")
    assert stale.exit_code == 1 and "changed since" in stale.stderr
    assert "- far" in ok(front.run("stack", "delete", "web", "--plan"))


def test_wait_follows_to_the_end(front, template):
    async def build_once_it_is_there():
        async for _ in front.world.store.watch("projects/red/names/web", after=0):
            await front.world.build("web")
            return

    building = threading.Thread(target=lambda: front.do(build_once_it_is_there()))
    building.start()
    result = front.run("stack", "create", "web", "-t", template, "--wait", "--timeout", "60s", "-f", "json")
    building.join()
    assert json.loads(ok(result))["phase"] == "SUCCEEDED"
    assert "RegionTwo" in result.stderr and "CREATE_COMPLETE" in result.stderr


def test_a_failed_operation_and_a_time_out_have_statuses_of_their_own(front, template):
    late = front.run("stack", "create", "web", "-t", template, "--wait", "--timeout", "0.2s")
    assert late.exit_code == 4 and "it goes on" in late.stderr
    front.do(front.world.fail("web", "net@RegionOne: quota exceeded"))
    operation = json.loads(ok(front.run("operation", "list", "-f", "json")))[0]["operation"]
    failed = front.run("operation", "wait", operation)
    assert failed.exit_code == 3 and "quota exceeded" in failed.stderr
    assert "FAILED" in ok(front.run("operation", "show", operation))


def test_watch_prints_events_and_regions(front, template):
    ok(front.run("stack", "create", "web", "-t", template))
    front.do(front.world.build("web"))
    text = ok(front.run("stack", "watch", "web", "--until-done"))
    assert "web: CREATE_COMPLETE" in text and "RegionOne: done 2/2" in text


def test_why_says_what_is_waited_for(front, template):
    ok(front.run("stack", "create", "web", "-t", template))
    front.do(front.world.park("web", WEST, "region RegionTwo to answer"))
    assert "region RegionTwo to answer" in ok(front.run("stack", "why", "web"))
    found = json.loads(ok(front.run("stack", "why", "web", "-f", "json")))
    assert {each["region"] for each in found["waits"]} == {"RegionOne", "RegionTwo"}


def test_update_keeps_what_is_not_given_with_existing(front, template, tmp_path):
    ok(front.run("stack", "create", "web", "-t", template, "-P", "label=x"))
    ok(front.run("stack", "update", "web", "-t", template, "--existing"))
    assert json.loads(ok(front.run("stack", "show", "web", "-f", "json")))["parameters"] == {"label": "x"}
    ok(front.run("stack", "update", "web", "-t", template))
    assert json.loads(ok(front.run("stack", "show", "web", "-f", "json")))["parameters"] == {}
    ok(front.run("stack", "cancel", "web"))


def test_files_and_environments_beside_the_template_are_sent(front, tmp_path):
    (tmp_path / "t.yaml").write_text(ONE_NET)
    (tmp_path / "e.yaml").write_text("regions: {default: RegionTwo}")
    ok(front.run("stack", "create", "web", "-t", str(tmp_path / "t.yaml"), "-e", str(tmp_path / "e.yaml")))
    assert json.loads(ok(front.run("stack", "show", "web", "-f", "json")))["default_region"] == "RegionTwo"


def test_faults_are_told_with_their_places_and_without_a_traceback(front, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(TWO_REGIONS.replace("OS::Neutron::Subnet", "OS::No::Such"))
    for arguments in (("create", "web"), ("plan", "web"), ("validate",)):
        result = front.run("stack", *arguments, "-t", str(path))
        assert result.exit_code == 1
        assert "resources.subnet" in result.stderr and "Traceback" not in result.output
    path.write_text("a: [")
    result = front.run("stack", "validate", "-t", str(path))
    assert result.exit_code == 1 and f"{path}: is not valid YAML" in result.stderr


def test_a_key_that_stands_twice_is_told_wherever_a_template_is_given(front, tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text(
        "heat_template_version: 2018-08-31\nresources:\n"
        "  a: {type: 'OS::Heat::RandomString'}\n  a: {type: 'OS::Heat::RandomString'}\n"
    )
    told = 'the key "a" (line 4, column 3) stands in the same map already (line 3, column 3)'
    for verb in ("create", "update", "apply"):
        result = front.run("stack", verb, "web", "-t", str(path), "-f", "json")
        assert told in result.stderr and json.loads(result.stdout)["stack"] == "web"
        front.do(front.world.build("web"))
    for words in (["plan", "web"], ["validate"]):
        assert told in ok(front.run("stack", *words, "-t", str(path)))
        found = json.loads(ok(front.run("stack", *words, "-t", str(path), "-f", "json")))
        (warning,) = found["warnings"]
        assert (warning["path"], warning["reason"]) == ("template", "REPEATED_KEY")


def test_validate_lists_the_parameters(front, template):
    found = json.loads(ok(front.run("stack", "validate", "-t", template, "-f", "json")))
    assert [(each["name"], each["hidden"]) for each in found["parameters"]] == [
        ("label", False),
        ("secret", True),
    ]


def test_regions_and_replicas(front):
    added = front.run(
        "region", "add", "RegionThree", "--auth-url", "https://three.example.org/v3", token="root"
    )
    assert "RegionThree" in ok(added)
    names = [each["region"] for each in json.loads(ok(front.run("region", "list", "-f", "json")))]
    assert names == ["RegionOne", "RegionThree", "RegionTwo"]
    assert "UP" in ok(front.run("region", "show", "RegionThree"))
    assert front.run("region", "remove", "RegionThree").exit_code == 1
    ok(front.run("region", "remove", "RegionThree", token="root"))
    ok(front.run("replica", "list"))


def test_when_nobody_answers_the_status_says_so(front):
    result = front.run("stack", "list", "--endpoint", "127.0.0.1:1", "--call-timeout", "0.3")
    assert result.exit_code == 5 and "Traceback" not in result.output


def test_wrong_words_are_told(front, template):
    assert front.run("region", "list", "-c", "colour").exit_code == 2
    assert front.run("stack", "create", "web", "-t", template, "-P", "novalue").exit_code == 2
    assert front.run("stack", "create", "web", "-t", template, "--timeout", "soon").exit_code == 2
    assert front.run("stack", "show", "none").exit_code == 1
    assert front.run("stack", "list", token="stranger").exit_code == 1


def test_the_list_of_commands_shows_all():
    text = ok(CliRunner().invoke(main, ["--help"]))
    for name in ("stack", "operation", "region", "replica", "serve", "lab", "demo", "sim"):
        assert f"\n  {name} " in text
    assert "Exit status" in text


HANDLE = """
heat_template_version: 2018-08-31
resources: {h: {type: "OS::Heat::WaitConditionHandle"}}
"""


def test_a_resource_is_signalled_from_the_command_line(front, tmp_path):
    front.world.documents.schemas = load_schemas()
    template = tmp_path / "handle.yaml"
    template.write_text(HANDLE)
    ok(front.run("stack", "create", "web", "-t", str(template)))
    front.do(front.world.build("web"))
    stack = front.do(resolve_name(front.world.store, Project("red"), "web"))
    said = '{"status": "SUCCESS", "id": "boot"}'
    assert ok(front.run("resource", "signal", "web", "h", "--data", said)) == "boot\n"
    told = command(f"projects/red/stacks/{stack}/resources/h").split()
    assert ok(front.run(*told[1:], "--data-binary", said.replace("boot", "again"))) == "again\n"
    assert ok(front.run("resource", "signal", "web", "h")) == "3\n"
    broken = front.run("resource", "signal", "web", "h", "--data", "{")
    assert broken.exit_code != 0 and "no JSON" in broken.stderr
    unknown = front.run("resource", "signal", "web", "h", "--data", '{"status": "MAYBE"}')
    assert unknown.exit_code != 0 and "SUCCESS or FAILURE" in unknown.stderr


def test_no_command_has_an_option_twice() -> None:
    def commands(top: click.Command, context: click.Context) -> Iterator[click.Command]:
        yield top
        if isinstance(top, click.Group):
            for name in top.list_commands(context):
                found = top.get_command(context, name)
                assert found is not None
                yield from commands(found, context)

    for each in commands(main, click.Context(main)):
        names = [name for param in each.params for name in (*param.opts, *param.secondary_opts)]
        assert len(names) == len(set(names)), each.name


def test_hooks_are_polled_and_cleared(front, template):
    ok(front.run("stack", "create", "web", "-t", template, "-P", "label=x"))
    for path, hook, region in (
        ("net", "pre-create", EAST),
        ("subnet", "pre-create", EAST),
        ("far", "pre-create", WEST),
    ):
        front.do(front.world.pause("web", path, hook, region))

    def waiting():
        rows = json.loads(ok(front.run("stack", "hook", "poll", "web", "-f", "json")))
        return [(each["region"], each["resource"], each["hook"]) for each in rows]

    assert waiting() == [
        ("RegionOne", "net", "pre-create"),
        ("RegionOne", "subnet", "pre-create"),
        ("RegionTwo", "far", "pre-create"),
    ]
    cleared = ok(front.run("stack", "hook", "clear", "web", "*net"))
    assert cleared.splitlines() == ["net: pre-create is cleared", "subnet: pre-create is cleared"]
    assert waiting() == [("RegionTwo", "far", "pre-create")]
    none = front.run("stack", "hook", "clear", "web", "far", "--hook", "post-create")
    assert none.exit_code == 1 and "waits at no such hook" in none.stderr
    again = front.run("resource", "signal", "web", "net", "--data", '{"unset_hook": "pre-create"}')
    assert again.exit_code == 1 and "nobody waits" in again.stderr
