"""OS::Heat::SoftwareDeployment: a config for a server, done when the server has signalled its outputs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from global_heat.model.errors import Invalid
from global_heat.model.names import PhysicalId
from global_heat.model.signal import Signal
from global_heat.model.values import Body, Json, Properties
from global_heat.resources.heat.config import new_id
from global_heat.resources.heat.derived_config import Substitution, changed_for_good, derived
from global_heat.resources.heat.wait_condition_handle import NO_SIGNAL, gap_of_transport
from global_heat.resources.local import CONFIGS, NEVER, LocalType
from global_heat.resources.type import Failed, Making, Replaced

_OUTPUTS = ("deploy_stdout", "deploy_stderr", "deploy_status_code")
_IN_PROGRESS, _COMPLETE, _FAILED = "IN_PROGRESS", "COMPLETE", "FAILED"


class SoftwareDeployment(LocalType):
    """Each action that it is for begins a round. Of the signals after that the first one ends it."""

    name = "OS::Heat::SoftwareDeployment"
    kind = "heat.software_deployment"
    supported = frozenset({"actions", "config", "input_values", "name", "server", "signal_transport"})
    secret_attributes = frozenset({"deploy_stderr", "deploy_stdout"})
    signalled = True
    seeks = CONFIGS

    def gaps(self, props: Properties) -> list[str]:
        return gap_of_transport(props)

    def looks_at(self, props: Properties) -> Collection[str]:
        return [props["config"]] if props.get("config") else []

    def accept(self, said: Json, number: int) -> Signal | None:
        if said is not None and not isinstance(said, dict):
            raise Invalid("a signal to a deployment is a map of its outputs")
        return Signal(str(number), said or {})

    def substitution(self, props: Properties) -> Substitution | None:
        """How inputs are put into the config; None: its tool does that."""
        return None

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        before = self.told(making.made, making.signals) if making.made else {}
        actions = props.get("actions") or ()
        source = _source(making, props)
        # What is to be done when it goes is settled now: no template tells of it then.
        acts = making.action in actions or "DELETE" in actions
        id = making.made.get("id") or (new_id(making, random_bytes) if acts else "")
        making = msgspec.structs.replace(making, made={**making.made, "id": id})
        substitution = self.substitution(props)
        now = derived(making, props, source, making.action, substitution)
        if making.action == "UPDATE" and (inputs := changed_for_good(before.get("config"), now)):
            raise Replaced(f"another value of {', '.join(inputs)} asks for another deployment")
        kept = {
            "id": id,
            "server": props["server"],
            "config": before.get("config"),
            "outputs": before.get("outputs", {}),
            "leaving": derived(making, props, source, "DELETE", substitution)
            if "DELETE" in actions
            else None,
            "waits": props.get("signal_transport") != NO_SIGNAL,
            "status": _COMPLETE,
        }
        if making.action not in actions:
            return kept
        return _round({**kept, "config": now}, making.signals)

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        return PhysicalId(making.made["id"])

    def listens(self, made: Body, ref: str) -> str:
        return ref

    def told(self, made: Body, signals: Sequence[Signal]) -> Body:
        ending = next((each for each in signals if each.revision > made.get("after", 0)), None)
        if made.get("status") != _IN_PROGRESS or ending is None:
            return made
        said: Body = ending.data
        declared = (made.get("config") or {}).get("outputs", ())
        outputs = {each["name"]: said[each["name"]] for each in declared if each["name"] in said}
        outputs |= {name: said.get(name) for name in _OUTPUTS}
        faults = _faults(said, declared)
        status = _FAILED if faults else _COMPLETE
        return {**made, "status": status, "outputs": {**made["outputs"], **outputs}, "faults": faults}

    def due(self, body: Body, clock: float) -> float | None:
        match body.get("status"):
            case "IN_PROGRESS":
                return NEVER
            case "FAILED":
                raise Failed("Deployment to server failed: " + ", ".join(body["faults"]))
        return None

    def leave(self, made: Body, clock: float, signals: Sequence[Signal]) -> Body | None:
        if made.get("goes"):
            return made
        config = made.get("leaving")
        if config is None or not made.get("waits"):
            return None
        return _round({**made, "config": config, "goes": True}, signals)

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": None, **dict.fromkeys(_OUTPUTS), **body.get("outputs", {})}


class StructuredDeployment(SoftwareDeployment):
    """Its config is a map, into which it puts the values of the inputs itself."""

    name = "OS::Heat::StructuredDeployment"
    kind = "heat.structured_deployment"
    supported = SoftwareDeployment.supported | {"input_key", "input_values_validate"}

    def substitution(self, props: Properties) -> Substitution | None:
        return Substitution(
            props.get("input_key") or "get_input", props.get("input_values_validate") == "STRICT"
        )


def _round(made: Body, signals: Sequence[Signal]) -> Body:
    """Begin to wait for the next signal; those before were for what came before."""
    if not made["waits"]:
        return {**made, "status": _COMPLETE}
    after = max((signal.revision for signal in signals), default=0)
    return {**made, "status": _IN_PROGRESS, "after": after}


def _source(making: Making, props: Properties) -> Body:
    """The config that is named. Without one there is nothing to do but to signal."""
    name = props.get("config")
    if not name:
        return {}
    found = making.found.get(name)
    if found is None:
        raise Failed(f"there is no software config {name}")
    return found.made


def _faults(said: Body, declared: Sequence[Body]) -> list[str]:
    """Why the deployment failed, by what its server says; empty: it did not."""
    faults = []
    code = said.get("deploy_status_code")
    if code and str(code) != "0":
        faults.append(f"deploy_status_code : Deployment exited with non-zero status code: {code}")
    for output in declared:
        if output.get("error_output") and output["name"] in said:
            faults.append(f"{output['name']} : {said[output['name']]}")
    return faults
