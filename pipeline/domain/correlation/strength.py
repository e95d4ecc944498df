"""How strongly an alert belongs to each incident that it may belong to.

Each signal says how much two alerts have to do with each other at the same moment; a pause between them takes from
it, by half at the tenant's gap. Signals are independent ways to belong together: 1 - Π(1 - strength), a noisy or
(Pearl 1988). In it each signal is weighed by its own pause against the shortest one, and the whole by the shortest: so
many weak signals never reach across a pause longer than the gap. A logistic curve (Platt 1999) makes a probability of
it; with slope 1 and shift 0, the defaults, it leaves the strength as it is.

Where an alert goes, all label values that are shared speak for themselves. How sure that is, only the strongest of
them tells: values that come together, as a host and its address, are one reason and not two.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from pipeline.domain.correlation.text import words_of
from pipeline.domain.correlation.views import Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.domain.correlation.cooccurrence import CoOccurrence
    from pipeline.domain.correlation.incident import Incident
    from pipeline.domain.correlation.index import IncidentIndex
    from pipeline.domain.correlation.settings import CorrelationSettings
    from pipeline.domain.correlation.taught import Taught
    from pipeline.domain.correlation.text import TextLikeness
    from pipeline.domain.topology import Topology

STEEPNESS: Final = 6  # of the fall at the gap
FAR: Final = 2  # gaps; what lies further back is not looked at
CLOSENESS: Final = (1.0, 0.9, 0.6, 0.3)  # by edges between two nodes
_CERTAIN: Final = 0.9
_WORTH_TELLING: Final = 0.02
_COMPARED: Final = 2  # matches: one to join, and another one to merge with it

Heard = tuple[float, int, str, str]  # strength without a pause, pause in ms, of whom, what they share
_NOTHING: Final[dict[str, Heard]] = {}


class Match(NamedTuple):
    """An incident that an alert may belong to."""

    incident: str
    strength: float
    heard: dict[str, Heard]  # by signal


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What of an alert is compared."""

    name: str
    text: str
    at: int
    values: list[tuple[str, float]]  # index key of each label value, and its rarity
    nodes: tuple[str, ...]


def fade(pause: int, gap: int) -> float:
    """Return what a pause leaves of a strength: 1 at once, a half at the gap, a 65th at twice the gap."""
    return 1.0 / (1.0 + (pause / gap) ** STEEPNESS) if pause > 0 else 1.0


@lru_cache(maxsize=1024)  # incidents that share the same values with an alert are equally strong
def calibrated(raw: float, slope: float, shift: float) -> float:
    """Return the probability that goes with a strength."""
    raw = min(0.999, max(0.001, raw))
    return 1.0 / (1.0 + math.exp(-(slope * math.log(raw / (1.0 - raw)) + shift)))


class Signals:
    """The signals of one alert, gathered by incident."""

    __slots__ = ("_against", "_asked", "_found", "_gap", "_horizon", "_settings")

    def __init__(self, settings: CorrelationSettings, asked: Asked, gap: int) -> None:
        self._settings = settings
        self._asked = asked
        self._gap = gap
        self._horizon = asked.at - FAR * gap
        self._found: dict[str, dict[str, Heard]] = {}
        self._against: Mapping[str, int] = {}

    def labels(self, index: IncidentIndex) -> None:
        """Compare label values: each that is shared adds to the signal, a rare one more than a common one."""
        at, horizon, weight = self._asked.at, self._horizon, self._settings.label_weight
        shared: dict[str, Heard] = {}
        for key, rarity in self._asked.values:
            strength = weight * rarity
            if strength < _WORTH_TELLING:
                continue
            for incident, (then, of) in index.at(key).items():
                if then < horizon:
                    continue
                lag = at - then
                known = shared.get(incident)
                if known is None:
                    shared[incident] = (strength, lag, of, key)
                else:
                    both = 1.0 - (1.0 - known[0]) * (1.0 - strength)
                    shared[incident] = (both, *known[1:]) if known[1] <= lag else (both, lag, of, key)
        for incident, one in shared.items():
            self._found.setdefault(incident, {})["labels"] = one

    def topology(self, index: IncidentIndex, topology: Topology) -> None:
        """Look for incidents at nodes that are near, ring by ring, until what is further away cannot be stronger."""
        at, horizon, gap, found = self._asked.at, self._horizon, self._gap, self._found
        weight = self._settings.topology_weight
        for node in self._asked.nodes:
            best = 0.0
            for close, ring in zip(CLOSENESS, topology.near(node), strict=False):
                strength = weight * close
                if best >= strength:
                    break
                for near in ring:
                    for incident, (then, of) in index.at("n:" + near).items():
                        if then < horizon:
                            continue
                        faded = strength * fade(at - then, gap)
                        best = max(best, faded)
                        heard = found.setdefault(incident, {})
                        known = heard.get("topology")
                        if known is None or faded > known[0] * fade(known[1], gap):
                            heard["topology"] = (strength, at - then, of, "n:" + near)

    def recent(
        self,
        incidents: Iterable[Incident],
        text: TextLikeness | None,
        pairs: CoOccurrence | None,
        topology: Topology | None = None,
        *,
        all_of_them: bool = True,
    ) -> None:
        """Compare with the newest names of the newest incidents that are not certain already.

        Unless it is to be `all_of_them`, those that can neither be the likeliest nor be merged are no match.

        A node without edges in a topology is one of which nobody wrote down what it has to do with the others, such
        as a host whose pods are not listed. What happens there at the same time counts for more than elsewhere.
        """
        asked, settings, gap, found = self._asked, self._settings, self._gap, self._found
        text_weight, pair_weight = settings.text_weight, settings.cooccurrence_weight
        words = words_of(asked.text)
        known: dict[str, tuple[float, float]] = {}
        isolated = topology is not None and bool(asked.nodes) and all(map(topology.is_isolated, asked.nodes))
        temporal = settings.isolated_weight if isolated else settings.temporal_weight
        best = 0.0 if all_of_them else self._strongest()
        left = (1.0 - temporal) * (1.0 - text_weight) * (1.0 - pair_weight)
        unheard_is_beaten = self._is_beaten(_NOTHING, left, best)  # the same for all of which nothing was heard yet
        for incident in incidents:
            pause = asked.at - incident.last_seen
            if pause > FAR * gap:
                continue
            heard = found.get(incident.id)
            if heard is None:
                if unheard_is_beaten:
                    continue
            elif self._is_beaten(heard, left, best):
                del found[incident.id]
                continue
            elif self._is_certain(heard):
                continue
            newest = ""
            for name, (then, of) in incident.names.items():
                newest = of
                both = known.get(name)
                if both is None:
                    like = text.likeness(words, words_of(name)) if text is not None else 0.0
                    power = pairs.power(name, asked.name) if pairs is not None else 0.0
                    both = known[name] = text_weight * like, pair_weight * power
                if both[0] >= _WORTH_TELLING:
                    self._hear(incident.id, "text", both[0], asked.at - then, of, "t:" + name)
                if both[1] >= _WORTH_TELLING:
                    self._hear(incident.id, "cooccurrence", both[1], asked.at - then, of, "t:" + name)
            if settings.temporal:
                self._hear(incident.id, "temporal", temporal, pause, newest, "")

    def _strongest(self) -> float:
        """Return the strength of the strongest signal so far: the likeliest incident will be at least as likely."""
        gap, best = self._gap, 0.0
        for heard in self._found.values():
            for strength, lag, _, _ in heard.values():
                if strength > best:  # else it cannot be the strongest, for a pause leaves no more of it
                    best = max(best, strength * fade(lag, gap))
        return best

    def _is_beaten(self, heard: Mapping[str, Heard], left: float, best: float) -> bool:
        """Say whether an incident can become neither the likeliest one nor one to merge, whatever is recent in it."""
        settings = self._settings
        for one in heard.values():
            left *= 1.0 - one[0]
        most = 1.0 - left
        return most < best and calibrated(most, settings.slope, settings.shift) < settings.merge_from

    def _is_certain(self, heard: Mapping[str, Heard]) -> bool:
        return any(one[0] >= _CERTAIN and one[1] * 2 <= self._gap for one in heard.values())

    def _hear(self, incident: str, signal: str, strength: float, lag: int, of: str, detail: str) -> None:
        if strength < _WORTH_TELLING:
            return
        heard = self._found.setdefault(incident, {})
        known = heard.get(signal)
        if known is None or strength * fade(lag, self._gap) > known[0] * fade(known[1], self._gap):
            heard[signal] = (strength, lag, of, detail)

    def taught(self, incidents: Iterable[Incident], taught: Taught) -> dict[str, int]:
        """Listen to what people said of the names of the newest incidents; return which leave less of a match."""
        against: dict[str, int] = {}
        for incident in incidents:
            lean = taught.lean(self._asked.name, incident.names)
            if lean < 0:
                against[incident.id] = -lean
            elif lean > 0:
                name = next(reversed(incident.names))
                then, of = incident.names[name]
                self._hear(incident.id, "feedback", 1.0 - 0.5 ** (lean + 2), self._asked.at - then, of, "t:" + name)
        return against

    def matches(self, against: Mapping[str, int] | None = None) -> list[Match]:
        """Return the two strongest of the incidents with any signal; their strengths are no probabilities yet."""
        gap = self._gap
        self._against = against or {}
        ranked = []
        for incident, heard in self._found.items():
            strength = _together(heard, gap)
            if against and incident in against:
                strength *= 0.25 ** against[incident]
            ranked.append((-strength, incident))
        ranked.sort()
        return [Match(incident, -negative, self._found[incident]) for negative, incident in ranked[:_COMPARED]]

    def told(self, match: Match, index: IncidentIndex) -> Match:
        """Return a match as it is told: with the strongest of the label values that are shared in place of all."""
        labels = match.heard.get("labels")
        if labels is None:
            return match
        strongest = 0.0
        for key, rarity in self._asked.values:
            touched = index.at(key).get(match.incident)
            if touched is not None and touched[0] >= self._horizon:
                strongest = max(strongest, self._settings.label_weight * rarity)
        if strongest >= labels[0]:
            return match
        heard = {**match.heard, "labels": (strongest, *labels[1:])}
        strength = _together(heard, self._gap) * 0.25 ** self._against.get(match.incident, 0)
        return Match(match.incident, strength, heard)

    def links(self, match: Match) -> tuple[Link, ...]:
        """Return the reasons of a match, the strongest first."""
        links = [
            Link(signal, strength * fade(lag, self._gap), max(0, lag), of, detail[2:])
            for signal, (strength, lag, of, detail) in match.heard.items()
        ]
        links.sort(key=lambda one: -one.strength)
        return tuple(links)


def _together(heard: Mapping[str, Heard], gap: int) -> float:
    """Return how strongly all signals of an incident together say that an alert belongs to it."""
    pause = min([one[1] for one in heard.values()])
    shortest = fade(pause, gap)
    apart = 1.0
    for strength, lag, _, _ in heard.values():
        apart *= 1.0 - strength * (shortest if lag == pause else fade(lag, gap)) / shortest
    return (1.0 - apart) * shortest
