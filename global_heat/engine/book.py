"""The book of a shard: its records in memory, and the one way to change them: group commits.

What steps write in the same moment goes out in one fenced transaction (`commits`). A write shows in memory at
once (`inventory`), so that what follows from it can join the same commit; nothing acts on a cloud before its
intent is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from global_heat.engine.commits import Commits
from global_heat.engine.gathering import Gathering
from global_heat.engine.inventory import Inventory
from global_heat.engine.stored import Stored
from global_heat.engine.writing import AttemptChange as AttemptChange
from global_heat.engine.writing import Stale as Stale
from global_heat.engine.writing import Write as Write
from global_heat.model.names import Path, Token
from global_heat.model.records import Attempt, Header, Incarnation, ShardRecord
from global_heat.store.keys import Shard
from global_heat.store.protocol import Store
from global_heat.store.reading import StackView


class Book:
    """A shard's records, in memory and in the store."""

    def __init__(
        self,
        store: Store,
        shard: Shard,
        view: StackView,
        claim_revision: int,
        work_revision: int,
        new_id: Callable[[], str],
    ) -> None:
        self.shard = shard
        self.view = view
        self.stored = Stored(shard, view, claim_revision, work_revision)
        self._inventory = Inventory(shard.region, view.plan.number, view.incarnations)
        self._commits = Commits(store, self.stored, new_id)
        self.enrich: Callable[[Write], Write] = lambda write: write
        """What follows from a write that was just shown, to be committed together with it."""
        self.on_committed: Callable[[], None] = lambda: None

    # reading

    @property
    def header(self) -> Header:
        return self.stored.header

    @property
    def record(self) -> ShardRecord:
        """The shard's own."""
        return self.stored.record

    @property
    def finished(self) -> dict[Path, Incarnation]:
        """By path: the incarnation that is finished for the current plan."""
        return self._inventory.finished

    @property
    def revision(self) -> int:
        """The store's revision of the last commit."""
        return self.stored.revision

    @property
    def commits(self) -> int:
        """How many there were."""
        return self._commits.count

    @property
    def quiet(self) -> bool:
        """Whether all that was shown is in the store."""
        return self._commits.quiet

    @property
    def broken(self) -> Exception | None:
        return self._commits.broken

    def of(self, path: Path) -> tuple[Incarnation, ...]:
        """All incarnations of a resource, of every region."""
        return self._inventory.of(path)

    def all(self) -> Iterable[Incarnation]:
        return self._inventory.all()

    def here(self) -> tuple[Incarnation, ...]:
        """The incarnations of this shard's own region."""
        return self._inventory.here()

    def holders(self, incarnation: Incarnation) -> set[str]:
        """The refs of what was built on this incarnation and is still recorded: it goes first."""
        return self._inventory.holders(incarnation)

    def take_freed(self) -> list[str]:
        """The refs that this shard let go of since this was last asked: nothing of it is built on them."""
        return self._inventory.take_freed()

    async def attempt(self, token: Token) -> Attempt | None:
        """The ledger's entry as this owner knows it."""
        return (await self._commits.ledger()).get(token)

    def learn(self, view: StackView) -> None:
        """Take in what other shards have recorded since, and the header, if it is newer."""
        self._inventory.learn(view.incarnations)
        self.stored.learn_header(view)

    # writing

    def preparing(self) -> Gathering:
        """While entered, a commit waits a moment for this step's write to join it."""
        return self._commits.gathering

    async def write(self, write: Write) -> None:
        """Show it in memory now, return when it is committed. Raises `Stale` or `Fenced`."""
        if self.broken is not None:
            raise self.broken
        for incarnation in write.incarnations:
            self._inventory.show(incarnation)
        for incarnation in write.removed:
            self._inventory.hide(incarnation)
        await self._commits.add(self.enrich(write))
        self.on_committed()

    async def run(self) -> None:
        """Commit what is written until something breaks. Raises `Stale` or `Fenced`."""
        await self._commits.run()
