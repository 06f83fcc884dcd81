"""OS::Heat::StructuredConfig: a manifest, as a map."""

from __future__ import annotations

from global_heat.model.values import Json, Properties
from global_heat.resources.heat.config import Config
from global_heat.resources.type import Making


class StructuredConfig(Config):
    name = "OS::Heat::StructuredConfig"
    kind = "heat.structured_config"
    supported = frozenset({"config", "group", "inputs", "options", "outputs"})

    def text(self, making: Making, props: Properties, random_bytes: bytes) -> Json:
        return props.get("config") or {}
