"""Heat's side. Runs in Heat's own environment, by its path: only Heat and the standard library are there.

A job a line on standard input, an answer a line on standard output, both JSON; see `jobs`.
"""

from __future__ import annotations

import gc
import json
import sys
import time

from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)

from heat.common import context, template_format  # noqa: E402 - the backend must be chosen before
from heat.engine import constraints, environment, function, resources, translation  # noqa: E402
from heat.engine.clients.os.nova import NovaClientPlugin  # noqa: E402
from heat.engine.node_data import NodeData  # noqa: E402
from heat.engine.resource import Resource  # noqa: E402
from heat.engine.resources.openstack.nova.server import Server  # noqa: E402
from heat.engine.stack import Stack  # noqa: E402
from heat.engine.template import Template  # noqa: E402
from oslo_config import cfg  # noqa: E402


def prepare():
    """What an engine does when it starts, without limits of size and without services."""
    cfg.CONF([], project="heat", default_config_files=[])
    cfg.CONF.set_override("max_resources_per_stack", -1)
    cfg.CONF.set_override("max_template_size", 1 << 30)
    resources.initialise()
    Resource.is_service_available = classmethod(lambda cls, asking: (True, None))
    constraints.BaseCustomConstraint.validate = lambda self, value, asking: True
    translation.resolve_and_find = lambda value, *finding, **options: function.resolve(value)
    Server._validate_image_flavor = lambda self, image, flavor: None
    NovaClientPlugin.is_version_supported = lambda self, version: True
    return context.RequestContext.from_dict(
        {"tenant_id": "p", "tenant": "p", "username": "u", "user_id": "u", "auth_url": "http://none.invalid"}
    )


class Existing(NodeData):
    """What a worker is told of a resource that is there."""

    __slots__ = ()

    def attribute(self, asked):
        name, *path = asked if isinstance(asked, tuple) else (asked,)
        value = self._attributes[name]
        for part in path:
            value = value[part]
        return value


class Watch:
    """CPU seconds by what was done."""

    def __init__(self):
        self.seconds = {}
        self.skip()

    def done(self, what):
        self.seconds[what] = time.process_time() - self._from
        self.skip()

    def skip(self):
        """What was done since does not count."""
        self._from = time.process_time()


def run(asking, job):
    watch = Watch()
    parsed = template_format.parse(job["template"])
    template = Template(parsed, env=environment.Environment({"parameters": job["parameters"]}))
    watch.done("read")
    stack = Stack(asking, "stack", template)
    stack.validate()
    watch.done("validate")
    # As Stack.converge_stack does: what was known for validating is forgotten, and the order found anew.
    stack.defn = stack.defn.clone_with_new_template(template, stack.identifier(), clear_resource_data=True)
    stack.reset_dependencies()
    stack._resources = None
    ordered = list(stack.dependencies)
    watch.done("order")
    attributes = job["attributes"]
    stack.defn._resource_data = {
        name: Existing(None, name, None, f"{name}-id", attributes.get(one.type(), {}), "CREATE", "COMPLETE")
        for name, one in stack.items()
    }
    stack.defn._resources.clear()
    watch.skip()
    properties = {}
    for one in ordered:
        one.reparse()
        properties[one.name] = dict(one.properties.items())
    watch.done("resolve")
    edges = stack.dependencies.graph().edges()
    return {
        "seconds": watch.seconds,
        "properties": properties,
        "edges": sorted([one.name, other.name] for one, other in edges if other is not None),
    }


def main():
    asking = prepare()
    for line in sys.stdin:
        gc.collect()
        print(json.dumps(run(asking, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
