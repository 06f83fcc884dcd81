"""OS::Heat::SoftwareConfig: a script or manifest, as a text."""

from __future__ import annotations

from global_heat.model.values import Json, Properties
from global_heat.resources.heat.config import Config
from global_heat.resources.type import Making


class SoftwareConfig(Config):
    name = "OS::Heat::SoftwareConfig"
    kind = "heat.software_config"
    supported = frozenset({"config", "group", "inputs", "options", "outputs"})

    def text(self, making: Making, props: Properties, random_bytes: bytes) -> Json:
        return props.get("config") or ""
