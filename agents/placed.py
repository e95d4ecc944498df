"""What every step says of its place, from the progress in its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tables.progress import Progress


class Placed:
    """A step that keeps its place in a `Progress`."""

    progress: Progress

    @property
    def next_offset(self) -> int:
        """Return the offset of the next record to process; 0 before the first."""
        return self.progress.offset

    @property
    def control_offset(self) -> int:
        """Return the next offset of the control topic; 0 before the first."""
        return self.progress.control_offset

    @property
    def reach(self) -> int:
        """Return the input offset before which a run from the last snapshot on must stop to make another one."""
        return self.progress.reach
