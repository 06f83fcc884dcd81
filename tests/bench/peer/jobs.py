"""What is asked of both: templates of several kinds, of any size, and what their resources answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from global_heat.model.values import Json

Attributes = Mapping[str, Mapping[str, Json]]
"""By resource type."""


class Job(msgspec.Struct, frozen=True):
    template: str
    parameters: dict[str, Json]
    attributes: Attributes
    """What `get_attr` finds. `get_resource` finds the resource's name and "-id"."""


class Answer(msgspec.Struct, frozen=True):
    seconds: dict[str, float]
    """CPU seconds by what was done, in order."""
    properties: dict[str, dict[str, Json]]
    """Resolved, by resource; null is as not given."""
    edges: list[list[str]]
    """Who needs whom, sorted."""


_VERSION = "heat_template_version: 2021-04-16\n"
_PARAMETERS = """\
parameters:
  prefix:
    type: string
    default: app
    constraints: [{length: {min: 1, max: 20}}, {allowed_pattern: "[a-z]+"}]
  length: {type: number, default: 24, constraints: [{range: {min: 8, max: 64}}]}
  zones: {type: comma_delimited_list, default: "a,b,c"}
  production: {type: boolean, default: false}
  labels: {type: json, default: {owner: ops, tier: web}}
conditions:
  is_production: {equals: [{get_param: production}, true]}
  is_small: {not: is_production}
resources:
"""


def nothing(count: int) -> str:
    return f"{_VERSION}resources:\n" + "".join(f"  r{n}: {{type: OS::Heat::None}}\n" for n in range(count))


def random_strings(count: int) -> str:
    """Each with a nested schema and parameters in it, none needing another."""
    one = """\
  r%d:
    type: OS::Heat::RandomString
    properties:
      length: {get_param: length}
      character_classes: [{class: lowercase, min: 2}, {class: digits, min: 1}, {class: uppercase}]
      salt: {str_replace: {template: "$p-$n", params: {$p: {get_param: prefix}, $n: %d}}}
"""
    return _VERSION + _PARAMETERS + "".join(one % (n, n) for n in range(count))


def test_resources(count: int) -> str:
    """Chains of ten, each but the first with the one before in a function."""
    one = """\
  r{n}:
    type: OS::Heat::TestResource
    properties:
      value:
        str_replace:
          template: "prefix of zone in before"
          params: {{prefix: {{get_param: prefix}}, zone: {{get_param: [zones, 1]}}, before: {before}}}
      wait_secs: {{if: [is_production, 5, 0]}}
      action_wait_secs: {{create: 0, update: {{if: [is_small, 1, 2]}}}}
      entity_name: {{list_join: ["-", {{get_param: zones}}, [{{get_param: prefix}}, "r{n}"]]}}
"""
    chained = (
        one.format(n=n, before=f"{{get_attr: [r{n - 1}, output]}}" if n % 10 else "first")
        for n in range(count)
    )
    return _VERSION + _PARAMETERS + "".join(chained)


def values(count: int) -> str:
    """Fours: a random string, and texts, lists and maps made of it."""
    four = """\
  key{n}: {{type: OS::Heat::RandomString, properties: {{length: 12}}}}
  text{n}:
    type: OS::Heat::Value
    properties:
      type: string
      value:
        list_join: ["/", [{{get_attr: [key{n}, value]}}, {{digest: [sha256, {{get_param: prefix}}]}}]]
  list{n}:
    type: OS::Heat::Value
    properties:
      type: comma_delimited_list
      value:
        list_concat:
          - repeat: {{template: "%zone%-{n}", for_each: {{"%zone%": {{get_param: zones}}}}}}
          - str_split: [",", {{get_attr: [text{n}, value]}}]
  map{n}:
    type: OS::Heat::Value
    properties:
      type: json
      value:
        map_merge:
          - {{get_param: labels}}
          - {{key: {{get_attr: [key{n}, value]}}, zones: {{get_param: zones}}}}
          - if: [is_production, {{size: big}}, {{size: small, of: {{get_resource: list{n}}}}}]
"""
    return _VERSION + _PARAMETERS + "".join(four.format(n=n) for n in range(count // 4))


def servers(count: int) -> str:
    """Hundreds: a network, the way to it from outside, and 23 servers on it with a volume each."""
    network = """\
  net{n}:
    type: OS::Neutron::Net
    properties: {{name: {{list_join: ["-", [{{get_param: prefix}}, net{n}]]}}}}
  subnet{n}:
    type: OS::Neutron::Subnet
    properties:
      network: {{get_resource: net{n}}}
      cidr: 10.{n}.0.0/16
      dns_nameservers: [9.9.9.9, 1.1.1.1]
      allocation_pools: [{{start: 10.{n}.0.10, end: 10.{n}.200.200}}]
  router{n}: {{type: OS::Neutron::Router, properties: {{external_gateway_info: {{network: public}}}}}}
  door{n}:
    type: OS::Neutron::RouterInterface
    properties: {{router: {{get_resource: router{n}}}, subnet: {{get_resource: subnet{n}}}}}
  group{n}:
    type: OS::Neutron::SecurityGroup
    properties:
      description: {{str_replace: {{template: "of $p", params: {{$p: {{get_param: prefix}}}}}}}}
      rules:
        - {{protocol: tcp, port_range_min: 22, port_range_max: 22}}
        - {{protocol: tcp, port_range_min: 443, port_range_max: 443, remote_ip_prefix: 10.0.0.0/8}}
        - {{protocol: icmp, direction: egress}}
  balancer{n}:
    type: OS::Neutron::Port
    properties: {{network: {{get_resource: net{n}}}, security_groups: [{{get_resource: group{n}}}]}}
  address{n}:
    type: OS::Neutron::FloatingIP
    depends_on: door{n}
    properties: {{floating_network: public, port_id: {{get_resource: balancer{n}}}}}
  notes{n}: {{type: OS::Heat::Value, properties: {{value: {{get_attr: [address{n}, floating_ip_address]}}}}}}
"""
    server = """\
  port{n}x{m}:
    type: OS::Neutron::Port
    properties:
      network: {{get_resource: net{n}}}
      fixed_ips: [{{subnet: {{get_resource: subnet{n}}}}}]
      security_groups: [{{get_resource: group{n}}}]
  volume{n}x{m}:
    type: OS::Cinder::Volume
    properties: {{size: {{if: [is_production, 100, 10]}}, metadata: {{of: "{m}"}}}}
  server{n}x{m}:
    type: OS::Nova::Server
    properties:
      name: {{list_join: ["-", [{{get_param: prefix}}, "{n}-{m}"]]}}
      image: debian-12
      flavor: {{if: [is_production, m1.large, m1.small]}}
      networks: [{{port: {{get_resource: port{n}x{m}}}}}]
      user_data_format: RAW
      user_data:
        str_replace:
          template: "#!/bin/sh\\necho $address in $zones > /etc/address\\n"
          params:
            $address: {{get_attr: [port{n}x{m}, fixed_ips, 0, ip_address]}}
            $zones: {{list_join: [",", {{get_param: zones}}]}}
  disk{n}x{m}:
    type: OS::Cinder::VolumeAttachment
    properties: {{instance_uuid: {{get_resource: server{n}x{m}}}, volume_id: {{get_resource: volume{n}x{m}}}}}
"""
    hundreds = (
        network.format(n=n) + "".join(server.format(n=n, m=m) for m in range(23)) for n in range(count // 100)
    )
    return _VERSION + _PARAMETERS + "".join(hundreds)


KINDS: dict[str, Callable[[int], str]] = {
    "None": nothing,
    "RandomString": random_strings,
    "TestResource": test_resources,
    "Value": values,
    "servers": servers,
}
"""By name: the template of so many resources, a multiple of a hundred."""

_ATTRIBUTES: Attributes = {
    "OS::Heat::RandomString": {"value": "qwertyuiop12"},
    "OS::Heat::TestResource": {"output": "what was stored"},
    "OS::Heat::Value": {"value": "one,two,three"},
    "OS::Neutron::FloatingIP": {"floating_ip_address": "203.0.113.7"},
    "OS::Neutron::Port": {"fixed_ips": [{"subnet_id": "s", "ip_address": "10.0.0.12"}]},
}


def job(kind: str, count: int) -> Job:
    return Job(KINDS[kind](count), {"zones": "north,south,west"} if kind != "None" else {}, _ATTRIBUTES)


def difference(one: Answer, other: Answer) -> str:
    """Where two answers differ; empty: nowhere."""
    if one.edges != other.edges:
        edges = [edge for edge in (*one.edges, *other.edges) if (edge in one.edges) != (edge in other.edges)]
        return f"dependencies: {edges or 'one more than once'}"
    return next(_differing(_given(one.properties), _given(other.properties), ""), "")


def _given(value: Json) -> Json:
    """A value without the nulls in it: what is not given, Heat leaves out in one place and not in another."""
    if isinstance(value, dict):
        return {key: _given(item) for key, item in value.items() if item is not None}
    return [_given(item) for item in value] if isinstance(value, list) else value


def _differing(one: Json, other: Json, at: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from _differing(one.get(key), other.get(key), f"{at}.{key}" if at else key)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _differing(*pair, f"{at}[{index}]")
    elif one != other or type(one) is not type(other):
        yield f"{at}: {one!r} and {other!r}"
