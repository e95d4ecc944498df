"""What the correlator learns of one tenant: gap, rarity of values, words, pairs of names; bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.domain.correlation.background import Background
from pipeline.domain.correlation.cooccurrence import CoOccurrence
from pipeline.domain.correlation.gap import GapModel
from pipeline.domain.correlation.rarity import Rarity
from pipeline.domain.correlation.root_lessons import RootLessons
from pipeline.domain.correlation.text import TextLikeness, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.domain.correlation.settings import CorrelationSettings
    from pipeline.domain.correlation.strength import Asked

_RECENT: Final = 1024  # label values whose last time is known
_LABELS: Final = 16  # of an alert; those that come first
_LONGEST: Final = 128  # characters of a value
_TELLING: Final = 4  # characters; shorter values are told apart by their label
_RARE: Final = 0.5
_PAUSE: Final = 86_400_000  # ms; a longer one says nothing about incidents
_WHERE: Final = ("entity", "pod", "instance", "container", "service", "job", "node", "host", "hostname", "ip")


def place_of(labels: Mapping[str, str]) -> str:
    """Return the label value that says most narrowly where an alert is; nothing if no usual label does."""
    for label in _WHERE:
        if where := labels.get(label):
            return where
    return ""


class Memory:
    """What is learned from the changes with which alerts begin."""

    def __init__(self, settings: CorrelationSettings) -> None:
        self._settings = settings
        self.rarity = Rarity()
        self.text = TextLikeness()
        self.pairs = CoOccurrence()
        self._gap = GapModel(settings.gap, settings.shortest_gap, settings.longest_gap)
        self.background = Background()
        self.roots = RootLessons()
        self._recent: dict[str, int] = {}  # newest last
        self._last = 0

    @property
    def gap(self) -> int:
        """Return the pause in ms that tells one incident from the next."""
        return self._gap.gap if self._settings.learn_gap else self._settings.gap

    def keys_of(self, labels: Mapping[str, str]) -> list[str]:
        """Return the index keys of an alert's label values. A value is the same under whichever label it comes."""
        found: dict[str, None] = {}
        for label in sorted(labels)[:_LABELS]:
            value = labels[label]
            if len(value) >= _TELLING:
                found["v:" + value[:_LONGEST]] = None
            elif value:
                found[f"v:{label}={value}"] = None
        return list(found)

    def values_of(self, labels: Mapping[str, str]) -> list[tuple[str, float]]:
        """Return the index keys of an alert's label values, with how rare each is."""
        return self.rarity.of_each(self.keys_of(labels))

    def learn(self, asked: Asked) -> None:
        """Take in a change with which an alert begins."""
        keys = [key for key, _ in asked.values]
        recent = self._recent
        last = 0
        for key, rarity in asked.values:
            if rarity >= _RARE:
                last = max(last, recent.get(key, 0))
            recent.pop(key, None)
            recent[key] = asked.at
            if len(recent) > _RECENT:
                del recent[next(iter(recent))]
        if self._last and 0 <= asked.at - self._last <= _PAUSE:
            near = asked.at - last if last else None
            self._gap.learn(asked.at - self._last, near)
        self._last = max(self._last, asked.at)
        self.rarity.learn(keys)
        self.text.learn(words_of(asked.text))
        self.pairs.learn(asked.name, asked.at)

    def snapshot(self) -> dict[str, Any]:
        """Return all there is to keep."""
        return {
            "gap": self._gap.snapshot(),
            "rarity": self.rarity.snapshot(),
            "text": self.text.snapshot(),
            "pairs": self.pairs.snapshot(),
            "background": self.background.snapshot(),
            "roots": self.roots.snapshot(),
            "last": self._last,
            "recent": [list(one) for one in self._recent.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` returned."""
        self._gap.restore(state["gap"])
        self.rarity.restore(state["rarity"])
        self.text.restore(state["text"])
        self.pairs.restore(state["pairs"])
        self.background.restore(state["background"])
        self.roots.restore(state["roots"])
        self._last = state["last"]
        self._recent = dict(state["recent"])
