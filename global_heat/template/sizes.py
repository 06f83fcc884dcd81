"""Groups that scale: their sizes must go together, and one thing must say what instances are like."""

from __future__ import annotations

from collections.abc import Mapping

from global_heat.model.values import Json, Unknown

_OF_INSTANCES = "AWS::AutoScaling::AutoScalingGroup"
_NAMES = {
    "OS::Heat::AutoScalingGroup": ("min_size", "max_size", "desired_capacity"),
    _OF_INSTANCES: ("MinSize", "MaxSize", "DesiredCapacity"),
}
_SOURCES = "InstanceId", "LaunchConfigurationName"


def check_sizes(type: str, properties: Mapping[str, Json]) -> list[str]:
    """What is wrong with a group's sizes; those that are not known yet are not looked at."""
    if type not in _NAMES:
        return []
    if type == _OF_INSTANCES and (faults := _check_instances(properties)):
        return faults
    names = _NAMES[type]
    least, most, wished = (_number(properties.get(name)) for name in names)
    if least is not None and most is not None and least > most:
        return [f"{names[0]} is {least} and {names[1]} is {most}; the least must not be more than the most"]
    if wished is not None and ((least or 0) > wished or (most is not None and most < wished)):
        return [f"{names[2]} is {wished}; it must lie from {names[0]} to {names[1]}"]
    return []


def _check_instances(properties: Mapping[str, Json]) -> list[str]:
    """What is wrong with what a group says of its instances; a reference counts as given."""
    faults = []
    subnets = properties.get("VPCZoneIdentifier")
    if isinstance(subnets, list) and len(subnets) > 1:
        faults.append(f"VPCZoneIdentifier names {len(subnets)} subnets; expected one")
    instance, configuration = (properties.get(name) for name in _SOURCES)
    if not isinstance(instance, Unknown) and bool(instance) == bool(configuration):
        faults.append(f"expected one of {' and '.join(_SOURCES)}, found {'both' if instance else 'neither'}")
    return faults


def _number(value: Json) -> int | None:
    return int(value) if isinstance(value, int | str) and str(value).lstrip("-").isdigit() else None
