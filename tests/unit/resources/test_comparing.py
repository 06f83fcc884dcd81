from __future__ import annotations

from typing import Any

import pytest

from global_heat.resources.comparing import covers, given
from global_heat.resources.neutron.rules import rule_body, rule_key


@pytest.mark.parametrize(
    ("actual", "wished", "same"),
    [
        ("a", "a", True),
        ("a", "b", False),
        (None, "", True),
        ("", None, True),
        (False, None, False),
        (False, True, False),
        (1, True, False),
        (True, True, True),
        (["a", "b"], ["a", "b"], True),
        (["b", "a"], ["a", "b"], False),
        (None, [], True),
        (["a"], [], False),
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1}, {}, False),
        (None, {}, True),
        (None, {"a": 1}, False),
        ([{"s": 1, "ip": 7}, {"s": 1, "ip": 8}], [{"s": 1}, {"s": 1, "ip": 7}], True),
        ([{"s": 1, "ip": 7}, {"s": 2, "ip": 8}], [{"s": 1}, {"s": 1}], False),
        ([{"s": 1}], [{"s": 1}, {"s": 1}], False),
    ],
)
def test_covers(actual: Any, wished: Any, same: bool) -> None:
    assert covers(actual, wished) is same


def test_given_leaves_out_what_is_null_in_maps() -> None:
    assert given({"a": None, "b": [{"c": None, "d": 0}], "e": ""}) == {"b": [{"d": 0}], "e": ""}


@pytest.mark.parametrize(
    ("rule", "kept", "same"),
    [
        ({"protocol": "TCP"}, {"protocol": "tcp"}, True),
        ({"protocol": "any"}, {"protocol": None}, True),
        ({"protocol": "icmpv6", "ethertype": "IPv6"}, {"protocol": "ipv6-icmp", "ethertype": "IPv6"}, True),
        ({"protocol": 6}, {"protocol": "6"}, True),
        ({"remote_ip_prefix": "0.0.0.0/0"}, {"remote_ip_prefix": None}, True),
        ({"remote_ip_prefix": "10.1.2.3/8"}, {"remote_ip_prefix": "10.0.0.0/8"}, True),
        ({"remote_ip_prefix": "10.0.0.0/8"}, {"remote_ip_prefix": "10.0.0.0/9"}, False),
        ({"remote_group_id": "g"}, {"remote_group_id": None}, False),
        ({"port_range_min": 1}, {"port_range_min": 2}, False),
        ({"direction": "egress"}, {}, False),
    ],
)
def test_when_two_rules_are_the_same(rule: dict[str, Any], kept: dict[str, Any], same: bool) -> None:
    shown = {"direction": "ingress", "ethertype": "IPv4", **kept}
    assert (rule_key(rule_body(rule)) == rule_key(shown)) is same
