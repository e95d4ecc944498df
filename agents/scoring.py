"""The scores of changes: how unusual each is, whether anybody will care, whether it will flap, how long it will last.

The models learn from the changes themselves, from what becomes of each alert, and from what people say.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from agents.in_memory import InMemory
from agents.tenant_models import (
    ANOMALY,
    GUARDED,
    NOISE,
    NONE,
    SCORED,
    Learned,
    Likely,
    Scores,
    TenantModels,
    host_of,
    life_of,
    noise_input,
)
from models import snapshot
from models.features import StreamInput
from models.noise import NoiseInput
from pipeline.domain.opinion import OF_ALERTS, Says
from tables.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.domain.alert import Alert
    from pipeline.domain.change import Change
    from pipeline.domain.opinion import Opinion
    from tables.store import Rows, RowStore

__all__ = ["ANOMALY", "NOISE", "NONE", "SCORED", "Learned", "Likely", "Scores", "Scoring", "noise_input"]

NAME: Final = "scores"
VERSION: Final = 2
TENANTS: Final = 1_000
"""Tenants of a partition whose models are in memory; those of others wait in the store."""


class Scoring:
    """The models of all tenants of one partition; the ones used last are in memory."""

    def __init__(self, store: RowStore, tenants: int = TENANTS) -> None:
        self._journal = Journal(store, Learned)
        self._models = InMemory(tenants, self._read, self._journal.is_written)
        self._fallen: dict[str, list[str]] = {}  # tenants with models that have fallen back -> these
        self._unnoted: dict[str, TenantModels] = {}  # those that may have fallen back since, or come back

    def load(self) -> None:
        """Restore what was learned."""
        for tenant, whole, since in self._journal.load():
            if self._models.room > 0:
                self._unnoted[tenant] = self._models.put(tenant, _restored(whole, since))

    def score(self, alert: Alert, change: Change, labels: Mapping[str, str], source: str | None, at: int) -> Scores:
        """Return the scores of a change, and learn from it; of an end nothing is said."""
        tenant, host = alert.tenant, host_of(labels)
        life = life_of(alert, change, host, at)
        if change not in SCORED:
            if life is not None:
                self._learn(tenant, self._models.of(tenant), Learned(life=life), at)
            return NONE
        models = self._models.of(tenant)
        if life is not None:
            models.pass_time(at)  # an opening is told by everything that was known before it
        seen = StreamInput(at, alert.name, host)
        scores = models.score(seen, source, alert.severity, life)
        self._learn(tenant, models, Learned(seen, life=life), at)
        return scores

    def likely_noise(self, alert: Alert, labels: Mapping[str, str], source: str | None) -> Likely | None:
        """Return how likely it is that nobody will care about an alert, None where nobody said anything of its name."""
        asked = noise_input(alert.last_event, alert.name, source, labels, alert.severity)
        return self._models.of(alert.tenant).likely_noise(asked)

    def learn(self, tenant: str, alert: NoiseInput, *, wanted: bool, taken_back: bool = False) -> None:
        """Learn whether somebody cared about an alert, or unlearn it."""
        learned = Learned(alert=alert, wanted=float(wanted), taken_back=taken_back)
        self._learn(tenant, self._models.of(tenant), learned, alert.at)

    def heed(self, tenant: str, before: Opinion | None, now: Opinion | None) -> None:
        """Learn what somebody says of alerts, in the place of what the same record said before."""
        for opinion, taken_back in ((before, True), (now, False)):
            if opinion is not None and opinion.says in OF_ALERTS:
                wanted = opinion.says is Says.WANTED
                self.learn(tenant, alert_of(opinion), wanted=wanted, taken_back=taken_back)

    def fallen_back(self) -> dict[str, int]:
        """Return of how many tenants each model has fallen back, as far as they were used since the start."""
        self._note()
        fallen = Counter(name for names in self._fallen.values() for name in names)
        return {name: fallen[name] for name in GUARDED}

    def _learn(self, tenant: str, models: TenantModels, learned: Learned, at: int) -> None:
        models.learn(learned)
        self._unnoted[tenant] = models
        self._journal.happened(tenant, learned, at)

    def _read(self, tenant: str) -> TenantModels:
        models = self._unnoted[tenant] = _restored(*self._journal.read(tenant))
        return models

    def _note(self) -> None:
        """Take note of which models have fallen back, of tenants that were used since the last time."""
        for tenant, models in self._unnoted.items():
            fallen = models.fallen_back()
            if fallen:
                self._fallen[tenant] = fallen
            else:
                self._fallen.pop(tenant, None)
        self._unnoted.clear()

    def snapshot(self, rows: Rows, now: int) -> None:
        """Add to `rows` what was learned since the last snapshot."""
        self._journal.snapshot(rows, lambda tenant: snapshot.pack(NAME, VERSION, self._models.of(tenant).state()), now)

    def shrink(self) -> None:
        """Let go of the models beyond the bound that were used the longest ago. Call it when a snapshot is stored."""
        self._note()  # as long as they are there
        self._models.shrink()


def alert_of(opinion: Opinion) -> NoiseInput:
    """Return which alerts an opinion is about."""
    return NoiseInput(opinion.ref.updated_at, opinion.name, opinion.source, opinion.instance, opinion.severity)


def _restored(whole: bytes | None, since: list[Learned]) -> TenantModels:
    models = TenantModels() if whole is None else TenantModels.restored(snapshot.unpack(NAME, VERSION, whole))
    for learned in since:
        models.learn(learned)
    return models
