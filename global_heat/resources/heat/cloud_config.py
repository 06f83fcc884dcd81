"""OS::Heat::CloudConfig: a map for cloud-init, written down as its YAML."""

from __future__ import annotations

import yaml

from global_heat.model.values import Json, Properties
from global_heat.resources.heat.config import Config
from global_heat.resources.type import Making


class CloudConfig(Config):
    name = "OS::Heat::CloudConfig"
    kind = "heat.cloud_config"
    supported = frozenset({"cloud_config"})

    def text(self, making: Making, props: Properties, random_bytes: bytes) -> Json:
        return "#cloud-config\n" + yaml.safe_dump(props.get("cloud_config") or {})
