"""The storms of two runs, and which of them only one has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StormSpan:
    """One storm of one run."""

    tenant_id: str
    begun_at: int  # ms
    ended_at: int | None
    """None for one that is on at the end."""

    def meets(self, other: StormSpan) -> bool:
        """Say whether both are on at one time."""
        return (
            self.tenant_id == other.tenant_id
            and (self.ended_at is None or other.begun_at <= self.ended_at)
            and (other.ended_at is None or self.begun_at <= other.ended_at)
        )


class Storms:
    """The storms of one run."""

    def __init__(self) -> None:
        self.spans: list[StormSpan] = []
        self._open: dict[str, int] = {}

    def begin(self, tenant: str, at: int) -> None:
        """Note that a storm begins."""
        self._open[tenant] = len(self.spans)
        self.spans.append(StormSpan(tenant, at, None))

    def end(self, tenant: str, at: int) -> None:
        """Note that it is over."""
        place = self._open.pop(tenant)
        self.spans[place] = StormSpan(tenant, self.spans[place].begun_at, at)

    def beyond(self, others: Storms) -> list[StormSpan]:
        """Return those that meet none of the others."""
        there: dict[str, list[StormSpan]] = {}
        for span in others.spans:
            there.setdefault(span.tenant_id, []).append(span)
        return [span for span in self.spans if not any(map(span.meets, there.get(span.tenant_id, ())))]
