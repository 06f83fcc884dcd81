"""Real templates of the OpenStack community, unchanged: created in two regions, updated, deleted, audited."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

FOLDER = Path(os.environ.get("GLOBAL_HEAT_TEMPLATES", "/nowhere"))
_KEY = {"key_name": "stack_key"}


class Job(NamedTuple):
    """What a template is given, what an update changes, and which of its resources can stand elsewhere."""

    parameters: dict[str, str]
    update: dict[str, str]
    apart: tuple[str, ...] = ()
    """Globs of what an environment places into the second region; the rest stays in the first."""


JOBS = {
    "hot/servers_in_new_neutron_net.yaml": Job(
        _KEY
        | {
            "image": "cirros",
            "flavor": "m1.small",
            "public_net": "public",
            "private_net_name": "inside",
            "private_net_cidr": "10.20.0.0/24",
            "private_net_gateway": "10.20.0.1",
            "private_net_pool_start": "10.20.0.10",
            "private_net_pool_end": "10.20.0.90",
        },
        {"private_net_name": "renamed", "flavor": "m1.medium"},
    ),
    "hot/vm_with_cinder.yaml": Job(_KEY | {"image": "cirros"}, {"vol_size": "2"}),
    "hot/hello_world.yaml": Job(_KEY | {"image": "cirros", "admin_pass": "Secret12"}, {"db_port": "50001"}),
    "hot/F18/NovaInstanceWithCinderVolume_Native.yaml": Job(_KEY, {"volume_size": "2"}),
    "hot/resource_group/server_with_volumes.yaml": Job({}, {"num_volumes": "3"}),
    "hot/resource_group/resource_group_index_lookup.yaml": Job(
        {}, {"random_lengths": "4,5,9"}, ("random_group/1/*",)
    ),
    "hot/condition.yaml": Job({}, {"env_type": "prod", "zone": "xian"}, ("*_res1", "not_*")),
}


def named() -> list[str]:
    """The templates that the folder's list names."""
    listed = FOLDER / "main-job.txt"
    return listed.read_text().split() if listed.exists() else []


def _parameters(values: dict[str, str]) -> list[str]:
    return [part for name, value in values.items() for part in ("-P", f"{name}={value}")]


def _places(operator, job: Job) -> list[dict]:
    """Placed wholly into each region; and split, where the template's relations allow it."""
    first, second = operator.regions
    places = [{"default": first}, {"default": second}]
    if job.apart:
        places.append({"default": first, "resources": dict.fromkeys(job.apart, second)})
    return places


@pytest.mark.parametrize("name", named())
def test_a_real_template_lives_in_two_regions(operator, tmp_path, name):
    job = JOBS[name]
    template = str(FOLDER / name)
    environment = tmp_path / "places.yaml"
    for n, place in enumerate(_places(operator, job)):
        stack = f"{Path(name).stem}-{n}"
        environment.write_text(yaml.safe_dump({"regions": place}))
        given = ["-t", template, "-e", str(environment), "--wait", "--timeout", "90s"]
        operator.run("stack", "create", stack, *given, *_parameters(job.parameters))
        resources = operator.read("stack", "resources", stack)
        assert {resource["region"] for resource in resources} == set(_regions_of(place))
        assert operator.audit().clean
        operator.run("stack", "update", stack, *given, *_parameters(job.parameters | job.update))
        assert operator.read("stack", "show", stack)["status"] == "UPDATE_COMPLETE"
        assert operator.audit().clean
        operator.run("stack", "delete", stack, "--wait", "--timeout", "90s")
        assert operator.audit().clean


def _regions_of(place: dict) -> list[str]:
    return [place["default"], *place.get("resources", {}).values()]
