"""What the stream asks of an agent's step: decisions in, rows and outputs out, no I/O anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.schemas.records import Output
    from tables.store import Rows, RowStore


class Emission(Protocol):
    """Outputs in the order in which they were caused, by topic."""

    def __bool__(self) -> bool:
        """Say whether there is anything."""

    def by_topic(self) -> dict[str, list[Output]]:
        """Return the outputs by the topic that each belongs to."""


class Step(Protocol):
    """All that an agent does to one partition. See agents/ingest.py."""

    @property
    def next_offset(self) -> int:
        """Return the next input offset to process; 0 before the first."""

    @property
    def next_timer_ms(self) -> int:
        """Return when time alone next may cause something."""

    @property
    def is_fresh(self) -> bool:
        """Say whether there was no state to restore."""

    @property
    def control_offset(self) -> int:
        """Return the next offset of the control topic; 0 before the first."""

    @property
    def reach(self) -> int:
        """Return the input offset before which a run from the last snapshot on must stop to make another one."""

    def seal_control(self, records: Sequence[Any]) -> None:
        """Take control records in, for the next snapshot to carry and `apply_control` to apply."""

    def apply_control(self) -> None:
        """Let the control records that were taken in have their effect."""

    def process(self, batch: Sequence[Any], start: int) -> int:
        """Process records from `start`; return where it stopped, for a newer wall clock, or the length."""

    def seal(self, wall_ms: int, *, tick: bool) -> None:
        """Take the wall clock in, for the next snapshot to carry."""

    def advance(self, now_ms: int) -> None:
        """Let time pass."""

    def take_emitted(self) -> Emission:
        """Hand over outputs."""

    def snapshot(self, *, last: bool = False) -> Rows:
        """Hand over changed rows and the offset they include; `last`: nothing follows before they are durable."""

    def share(self, sharers: int) -> None:
        """Keep in memory what is this partition's part, where `sharers` partitions share it."""

    def shrink(self) -> None:
        """Let go of what need not be in memory."""

    def report(self) -> None:
        """Pass on to the metrics what was counted."""


class StepFactory(Protocol):
    """How a partition's step is made from its rows."""

    def __call__(self, partition: int, store: RowStore, sharers: int) -> Step:
        """Return the step of `partition`, restored from `store`; `sharers` partitions share the memory."""
