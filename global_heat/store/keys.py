"""Where each record stands in the store, relative to the deployment's prefix."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from global_heat.model.names import Path, PhysicalId, Project, Region, ReplicaId, StackId, Token

STACKS = "stacks/"
WORK = "work/"
CLAIMS = "claims/"
REPLICAS = "replicas/"
REGIONS = "regions/"
DELETIONS = "deletions/"
REMOVALS = "removals/"
BUDGETS = "budgets/"
ORPHANS = "orphans/"
LOOKS = "looks/"
TRUSTS = "trusts/"


class Shard(NamedTuple):
    """The unit of claiming: one stack in one region."""

    region: Region
    project: Project
    stack: StackId

    def __str__(self) -> str:
        return f"{self.stack}@{self.region}"


def name(project: Project, stack_name: str) -> str:
    return f"projects/{project}/names/{stack_name}"


def names(project: Project) -> str:
    return f"projects/{project}/names/"


def request(project: Project, request_id: str) -> str:
    return f"projects/{project}/requests/{request_id}"


def operation(project: Project, operation_id: str) -> str:
    return f"projects/{project}/operations/{operation_id}"


def operations(project: Project) -> str:
    return f"projects/{project}/operations/"


def stacks(project: Project) -> str:
    return f"{STACKS}{project}/"


def stack(project: Project, id: StackId) -> str:
    return f"{STACKS}{project}/{id}/"


def header(project: Project, id: StackId) -> str:
    return f"{STACKS}{project}/{id}/header"


def plan(project: Project, id: StackId) -> str:
    return f"{STACKS}{project}/{id}/plan"


def revision(project: Project, id: StackId, number: int) -> str:
    return f"{STACKS}{project}/{id}/revisions/{number:08d}"


def blob(project: Project, id: StackId, digest: str, chunk: int) -> str:
    return f"{STACKS}{project}/{id}/blobs/{digest}/{chunk:04d}"


def blob_chunks(project: Project, id: StackId, digest: str) -> str:
    return f"{STACKS}{project}/{id}/blobs/{digest}/"


def trust(project: Project, id: StackId, cloud: str) -> str:
    return f"{STACKS}{project}/{id}/trusts/{cloud}"


def trust_attempt(cloud: str, project: Project, id: StackId, handle: str) -> str:
    """Of the ledger: outlives the stack."""
    return f"{trust_attempts(cloud)}{project}/{id}/{handle}"


def trust_attempts(cloud: str) -> str:
    return f"{TRUSTS}{quote(cloud, safe='')}/"


def shard(project: Project, id: StackId, region: Region) -> str:
    return f"{STACKS}{project}/{id}/shards/{region}"


def shards(project: Project, id: StackId) -> str:
    return f"{STACKS}{project}/{id}/shards/"


def resources(project: Project, id: StackId) -> str:
    return f"{STACKS}{project}/{id}/resources/"


def resource(project: Project, id: StackId, path: Path, region: Region, n: int) -> str:
    return f"{STACKS}{project}/{id}/resources/{path}/{region}/{n}"


def incarnations(project: Project, id: StackId, path: Path) -> str:
    """Also a prefix of the resources nested below: readers look at the records' own path."""
    return f"{STACKS}{project}/{id}/resources/{path}/"


def event(project: Project, id: StackId, region: Region, seq: int) -> str:
    return f"{STACKS}{project}/{id}/events/{region}/{seq:010d}"


def events(project: Project, id: StackId) -> str:
    return f"{STACKS}{project}/{id}/events/"


def events_in(project: Project, id: StackId, region: Region) -> str:
    return f"{STACKS}{project}/{id}/events/{region}/"


def hook(project: Project, id: StackId, path: Path, region: Region, hook: str) -> str:
    return f"{STACKS}{project}/{id}/hooks/{path}/{region}/{hook}"


def hooks_of(project: Project, id: StackId, path: Path) -> str:
    """Also a prefix of those nested below: readers look at the records' own path."""
    return f"{STACKS}{project}/{id}/hooks/{path}/"


def signals(project: Project, id: StackId) -> str:
    return f"signals/{project}/{id}/"


def signals_of(project: Project, id: StackId, ref: str) -> str:
    """Of the incarnation with this `ref`: one that takes its place hears nothing of them."""
    return f"signals/{project}/{id}/{quote(ref, safe='/@#')}/"


def signal(project: Project, id: StackId, ref: str, signal_id: str) -> str:
    return f"{signals_of(project, id, ref)}{quote(signal_id, safe='')}"


def config(project: Project, id: PhysicalId) -> str:
    return f"configs/{project}/{quote(id, safe='')}"


def work(shard: Shard) -> str:
    return f"{WORK}{shard.region}/{shard.project}/{shard.stack}"


def claim(shard: Shard) -> str:
    return f"{CLAIMS}{shard.region}/{shard.project}/{shard.stack}"


def shard_of(key: str) -> Shard:
    """The shard that a work or claim key names."""
    region, project, id = key.split("/")[1:4]
    return Shard(Region(region), Project(project), StackId(id))


def attempt(shard: Shard, token: Token) -> str:
    return f"attempts/{shard.region}/{shard.project}/{shard.stack}/{token}"


def attempts(shard: Shard | None = None) -> str:
    return f"attempts/{shard.region}/{shard.project}/{shard.stack}/" if shard else "attempts/"


def sweep(shard: Shard, token: Token) -> str:
    return f"sweep/{shard.region}/{shard.project}/{shard.stack}/{token}"


def sweeps(region: Region | None = None) -> str:
    return f"sweep/{region}/" if region else "sweep/"


def attempt_of(sweep_key: str) -> str:
    """The ledger's key that an index key stands for."""
    return "attempts/" + sweep_key.removeprefix("sweep/")


def deletions(region: Region, project: Project, kind: str, id: PhysicalId) -> str:
    """Of what has no id of its own: announced before they are sent."""
    return f"{DELETIONS}{region}/{project}/{kind}/{quote(id, safe='')}/"


def deletion(
    region: Region, project: Project, kind: str, id: PhysicalId, token: Token, sender: ReplicaId
) -> str:
    return f"{deletions(region, project, kind, id)}{token}.{sender}"


def removals(project: Project) -> str:
    """What the sweeper removed."""
    return f"{REMOVALS}{project}/"


def removal(project: Project, handle: str) -> str:
    return f"{REMOVALS}{project}/{handle}"


def budget(project: Project) -> str:
    return f"{BUDGETS}{project}"


def orphans(project: Project) -> str:
    return f"{ORPHANS}{project}/"


def orphan(project: Project, handle: str) -> str:
    return f"{ORPHANS}{project}/{handle}"


def look(region: Region) -> str:
    return f"{LOOKS}{region}"


def attempts_of_project(region: Region, project: Project) -> str:
    return f"attempts/{region}/{project}/"


def replica(region: Region, id: ReplicaId) -> str:
    return f"{REPLICAS}{region}/{id}"


def region(name: Region) -> str:
    return f"{REGIONS}{name}"
