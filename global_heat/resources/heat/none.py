"""OS::Heat::None: nothing. It takes the place of a resource that an environment switches off."""

from __future__ import annotations

from global_heat.resources.local import LocalType


class Nothing(LocalType):
    name = "OS::Heat::None"
    kind = "heat.none"
