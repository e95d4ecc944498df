"""The scores of changes: how unusual each is for its tenant, and how likely it is that nobody will care."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import msgspec

from models import snapshot
from models.alert_stream import AlertStreamAnomaly
from models.base import Reason
from models.features import StreamInput
from models.noise import GuardedNoise, NoiseInput
from pipeline.domain.change import Change
from pipeline.domain.opinion import OF_ALERTS, Says
from tables.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.base import State
    from pipeline.domain.alert import Alert
    from pipeline.domain.opinion import Opinion
    from pipeline.domain.severity import Severity
    from tables.store import Rows, RowStore

ANOMALY: Final = "anomaly"
NOISE: Final = "noise"
NAME: Final = "scores"
VERSION: Final = 1
TENANTS: Final = 1_000
"""Tenants of a partition whose models are in memory; those of others wait in the store."""
SCORED: Final = frozenset((Change.OPENED, Change.REOPENED, Change.SEVERITY_RAISED, Change.SEVERITY_LOWERED))
_REASONS: Final = 3  # that a record tells of each score


class Learned(msgspec.Struct, array_like=True, frozen=True):
    """One thing that a tenant's models learned."""

    change: StreamInput | None = None
    alert: NoiseInput | None = None
    wanted: float = 0.0
    taken_back: bool = False


class Scores(msgspec.Struct, frozen=True):
    """What was said of one change, and why: by score, the features that weigh most."""

    values: dict[str, float] = {}
    reasons: dict[str, tuple[Reason, ...]] = {}


NONE: Final = Scores()


class _Models:
    """The models of one tenant."""

    __slots__ = ("noise", "stream")

    def __init__(self) -> None:
        self.stream = AlertStreamAnomaly()
        self.noise = GuardedNoise()

    def learn(self, learned: Learned) -> None:
        """Let the model learn whom it concerns."""
        if learned.change is not None:
            self.stream.learn(learned.change)
        elif learned.alert is not None and learned.taken_back:
            self.noise.unlearn(learned.alert, learned.wanted)
        elif learned.alert is not None:
            self.noise.learn(learned.alert, learned.wanted)

    def state(self) -> State:
        """Return what both know."""
        return {"stream": self.stream.snapshot(), "noise": self.noise.snapshot()}

    @classmethod
    def restored(cls, state: State) -> _Models:
        """Return the models that `state` was taken of."""
        assert isinstance(state, dict)  # noqa: S101 - its checksum was right
        models = cls()
        models.stream = AlertStreamAnomaly.restore(state["stream"])
        models.noise = GuardedNoise.restore(state["noise"])
        return models


class Scoring:
    """The models of all tenants of one partition; the ones used last are in memory."""

    def __init__(self, store: RowStore, tenants: int = TENANTS) -> None:
        self._journal = Journal(store, Learned)
        self._models: OrderedDict[str, _Models] = OrderedDict()
        self._most = tenants

    def load(self) -> None:
        """Restore what was learned."""
        for tenant, whole, since in self._journal.load():
            if len(self._models) < self._most:
                self._models[tenant] = _restored(whole, since)

    def score(self, alert: Alert, change: Change, labels: Mapping[str, str], source: str | None, at: int) -> Scores:
        """Return the scores of a change, and learn from it."""
        if change not in SCORED:
            return NONE
        models = self._of(alert.tenant)
        seen = StreamInput(at, alert.name, _host_of(labels))
        scored = models.stream.score(seen)
        models.stream.learn(seen)
        self._journal.happened(alert.tenant, Learned(seen), at)
        values = {ANOMALY: round(scored.score, 4)}
        reasons = {ANOMALY: scored.reasons[:_REASONS]} if scored.score > 0 else {}
        asked = noise_input(at, alert.name, source, labels, alert.severity, scored.score)
        if models.noise.model.labels(asked):
            noise = models.noise.score(asked)
            values[NOISE] = round(noise.score, 4)
            reasons[NOISE] = noise.reasons[:_REASONS]
        return Scores(values, reasons)

    def learn(self, tenant: str, alert: NoiseInput, *, wanted: bool, taken_back: bool = False) -> None:
        """Learn whether somebody cared about an alert, or unlearn it."""
        learned = Learned(alert=alert, wanted=float(wanted), taken_back=taken_back)
        self._of(tenant).learn(learned)
        self._journal.happened(tenant, learned, alert.at)

    def heed(self, tenant: str, before: Opinion | None, now: Opinion | None) -> None:
        """Learn what somebody says of alerts, in the place of what the same record said before."""
        for opinion, taken_back in ((before, True), (now, False)):
            if opinion is not None and opinion.says in OF_ALERTS:
                wanted = opinion.says is Says.WANTED
                self.learn(tenant, alert_of(opinion), wanted=wanted, taken_back=taken_back)

    def _of(self, tenant: str) -> _Models:
        models = self._models.get(tenant)
        if models is None:
            models = self._models[tenant] = _restored(*self._journal.read(tenant))
        else:
            self._models.move_to_end(tenant)
        return models

    def snapshot(self, rows: Rows, now: int) -> None:
        """Add to `rows` what was learned since the last snapshot."""
        self._journal.snapshot(rows, lambda tenant: snapshot.pack(NAME, VERSION, self._of(tenant).state()), now)

    def shrink(self) -> None:
        """Let go of the models beyond the bound that were used the longest ago. Call it when a snapshot is stored."""
        while len(self._models) > self._most:
            tenant = next(iter(self._models))
            if not self._journal.is_written(tenant):
                return
            del self._models[tenant]


def noise_input(
    at: int, name: str, source: str | None, labels: Mapping[str, str], severity: Severity, anomaly: float = 0.0
) -> NoiseInput:
    """Return an alert as the noise model sees it."""
    return NoiseInput(at, name, source or "", _host_of(labels), severity, anomaly)


def _host_of(labels: Mapping[str, str]) -> str:
    return labels.get("host") or labels.get("instance") or ""


def alert_of(opinion: Opinion) -> NoiseInput:
    """Return which alerts an opinion is about."""
    return NoiseInput(opinion.ref.updated_at, opinion.name, opinion.source, opinion.instance, opinion.severity)


def _restored(whole: bytes | None, since: list[Learned]) -> _Models:
    models = _Models() if whole is None else _Models.restored(snapshot.unpack(NAME, VERSION, whole))
    for learned in since:
        models.learn(learned)
    return models
