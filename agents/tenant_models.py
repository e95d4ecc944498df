"""The models of one tenant: what they say of a change, and the one way in which they learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from models.alert_stream import AlertStreamAnomaly
from models.base import Reason
from models.features import StreamInput, number_of
from models.guard import GuardState
from models.guarded_resolve import GuardedTimeToResolve
from models.noise import GuardedNoise, NoiseInput
from models.openings import Openings, shortened
from models.time_to_resolve import Open
from models.will_flap import GuardedWillFlap, Opened
from pipeline.domain.change import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from models.base import Scored, State
    from models.openings import Known
    from pipeline.domain.alert import Alert
    from pipeline.domain.severity import Severity

ANOMALY: Final = "anomaly"
NOISE: Final = "noise"
FLAPPING: Final = "flapping"
RESOLVE: Final = "resolve"
GUARDED: Final = (NOISE, FLAPPING, RESOLVE)
"""The models whose error is observed; each may fall back to its simple rule."""
BEGINS: Final = frozenset((Change.OPENED, Change.REOPENED))
ENDS: Final = frozenset((Change.RESOLVED, Change.EXPIRED))
SCORED: Final = BEGINS | {Change.SEVERITY_RAISED, Change.SEVERITY_LOWERED}
_REASONS: Final = 3  # that a record tells of each score


class Life(msgspec.Struct, array_like=True, frozen=True):
    """The beginning or the end of one life of an alert; its texts are `shortened`."""

    at: int  # ms since 1970
    alert: int  # a number that stands for its fingerprint
    name: str
    instance: str = ""  # of a beginning
    again: bool = False  # it is a beginning, and not the first
    lasted_ms: int = -1  # of an end; negative: it is a beginning


class Learned(msgspec.Struct, array_like=True, frozen=True):
    """One thing that a tenant's models learned."""

    change: StreamInput | None = None
    alert: NoiseInput | None = None
    wanted: float = 0.0
    taken_back: bool = False
    life: Life | None = None


class Scores(msgspec.Struct, frozen=True):
    """What was said of one change, and why: by score, the features that weigh most."""

    values: dict[str, float] = {}
    reasons: dict[str, tuple[Reason, ...]] = {}
    resolves: tuple[float, float] | None = None  # after how many seconds it will have ended, in 50 and 90 % of cases


NONE: Final = Scores()


class Likely(msgspec.Struct, frozen=True):
    """How likely it is that nobody will care about an alert: by the score that is told, and by what people said alone.

    The score begins with what is usual; that alone hides nothing that somebody wanted.
    """

    score: float
    said: float
    fell_back: bool

    def is_noise(self, hide_from: float) -> bool:
        """Say whether both are no less than `hide_from`."""
        return min(self.score, self.said) >= hide_from


class TenantModels:
    """The models of one tenant, each bounded: together a snapshot takes under 1 MB."""

    __slots__ = ("flap", "noise", "openings", "resolve", "stream")

    def __init__(self) -> None:
        self.stream = AlertStreamAnomaly()
        self.noise = GuardedNoise()
        self.flap = GuardedWillFlap()
        self.resolve = GuardedTimeToResolve()
        self.openings = Openings()

    def pass_time(self, at: int) -> None:
        """Learn of the openings of which it is known by now that they did not flap."""
        self._learn_outcomes(self.openings.pass_time(at))

    def score(self, seen: StreamInput, source: str | None, severity: Severity, life: Life | None) -> Scores:
        """Return the scores of a change; nothing is learned."""
        anomaly = self.stream.score(seen)
        values = {ANOMALY: round(anomaly.score, 4)}
        reasons = {ANOMALY: anomaly.reasons[:_REASONS]} if anomaly.score > 0 else {}
        if not self.noise.model.is_new:
            asked = NoiseInput(seen.at, seen.name, source or "", seen.host, severity)
            if self._knows(asked):
                _put(NOISE, self.noise.score(asked), values, reasons)
        if life is None:
            return Scores(values, reasons)
        opened = Opened(life.name, life.instance, life.again)
        if self.flap.model.knows(opened):
            _put(FLAPPING, self.flap.score(opened), values, reasons)
        return Scores(values, reasons, self.resolve.forecast(Open(life.name)))

    def likely_noise(self, asked: NoiseInput) -> Likely | None:
        """Return whether an alert counts as noise, None of a name of which nobody said anything."""
        if not self._knows(asked):
            return None
        score, said = self.noise.value(asked), self.noise.model.said(asked)
        return Likely(round(score, 4), said, self.noise.state is GuardState.FALLEN_BACK)

    def _knows(self, asked: NoiseInput) -> bool:
        return self.noise.model.labels(asked) > 0

    def learn(self, learned: Learned) -> None:
        """Let the models learn whom it concerns."""
        if learned.change is not None:
            self.stream.learn(learned.change)
        if learned.life is not None:
            self._learn_life(learned.life)
        if learned.alert is not None and learned.taken_back:
            self.noise.unlearn(learned.alert, learned.wanted)
        elif learned.alert is not None:
            self.noise.learn(learned.alert, learned.wanted)

    def _learn_life(self, life: Life) -> None:
        self.pass_time(life.at)
        ends = life.lasted_ms >= 0
        if ends or life.again:
            self._learn_outcomes(self.openings.change(life.alert, life.at))
        if ends:
            self.resolve.learn(Open(life.name), life.lasted_ms / 1000)
        else:
            self.openings.open(life.alert, life.at, Opened(life.name, life.instance, life.again))

    def _learn_outcomes(self, known: Iterable[Known]) -> None:
        for opened, flapped in known:
            self.flap.learn(opened, float(flapped))

    def fallen_back(self) -> list[str]:
        """Return the models whose simple rule speaks."""
        states = self.noise.state, self.flap.state, self.resolve.state
        return [name for name, state in zip(GUARDED, states, strict=True) if state is GuardState.FALLEN_BACK]

    def state(self) -> State:
        """Return what all of them know."""
        return {
            "stream": self.stream.snapshot(),
            "noise": self.noise.snapshot(),
            "flap": self.flap.snapshot(),
            "resolve": self.resolve.snapshot(),
            "openings": self.openings.snapshot(),
        }

    @classmethod
    def restored(cls, state: State) -> TenantModels:
        """Return the models that `state` was taken of."""
        assert isinstance(state, dict)  # noqa: S101 - its checksum was right
        models = cls()
        models.stream = AlertStreamAnomaly.restore(state["stream"])
        models.noise = GuardedNoise.restore(state["noise"])
        models.flap = GuardedWillFlap.restore(state["flap"])
        models.resolve = GuardedTimeToResolve.restore(state["resolve"])
        models.openings = Openings.restore(state["openings"])
        return models


def life_of(alert: Alert, change: Change, host: str, at: int) -> Life | None:
    """Return the life that a change begins or ends, None where it does neither."""
    if change in ENDS:
        return Life(at, number_of(alert.fingerprint), shortened(alert.name), lasted_ms=max(0, at - alert.opened_at))
    if change in BEGINS:
        instance, again = shortened(host or alert.fingerprint), change is Change.REOPENED
        return Life(at, number_of(alert.fingerprint), shortened(alert.name), instance, again)
    return None


def noise_input(
    at: int, name: str, source: str | None, labels: Mapping[str, str], severity: Severity, anomaly: float = 0.0
) -> NoiseInput:
    """Return an alert as the noise model sees it."""
    return NoiseInput(at, name, source or "", host_of(labels), severity, anomaly)


def host_of(labels: Mapping[str, str]) -> str:
    """Return what tells the alerts of one name apart, as far as labels say it."""
    return labels.get("host") or labels.get("instance") or ""


def _put(name: str, scored: Scored, values: dict[str, float], reasons: dict[str, tuple[Reason, ...]]) -> None:
    values[name] = round(scored.score, 4)
    reasons[name] = scored.reasons[:_REASONS]
