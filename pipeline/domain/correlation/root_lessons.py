"""What people said of causes, learned for the incidents to come.

When somebody names the cause of an incident, that says which alerts a cause has and which the others have. How much
speaks for a node then is the log of two ratios, as in naive Bayes (Maron 1961): how much more often each alert name
was seen on causes than on other nodes, and how often this node was the cause. Both are smoothed, so that a few
opinions change little, and of a node's names the three that say most count, for many names say the same. The more
nodes have been causes, the less it says that one of them was. Beside that, what caused an incident that was nearly the
same (likeness.py) is likely to have caused this one too.

A cause is often found days later. So what an incident showed is kept for a while after it is over.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.domain.correlation.likeness import causes_of_alike, sketch_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.domain.topology import Topology

RECENT: Final = 32  # incidents that are over, whose cause may still be told
LESSONS: Final = 256  # the oldest is forgotten
SHOWN: Final = 256  # pairs of node and name kept of one incident
_NAME_WEIGHT: Final = 0.25
_NODE_WEIGHT: Final = 0.2
_SMOOTHING: Final = 20.0  # nodes that every name is taken to have been seen on at its overall rate
_PRIOR: Final = 1.0  # causes, spread over all candidates
_PRIOR_EACH: Final = 2.0  # as many more for each node that was a cause
_MOST_TELLING: Final = 3
_FURTHEST: Final = 3.0
_WHOLE: Final = "*"  # before a name that several parts of a node have at once

Names = dict[str, tuple[str, ...]]  # by node


class RootLesson(msgspec.Struct, frozen=True, array_like=True):
    """What one opinion taught."""

    root: str
    on: tuple[str, ...]  # names that the cause had
    off: tuple[tuple[str, int], ...]  # names that other nodes had, and how many
    others: int  # nodes
    sketch: frozenset[int] = frozenset()  # of the incident


class RootLessons:
    """Counts of names on causes and on other nodes, each opinion undone on demand."""

    __slots__ = ("_having", "_lessons", "_off", "_on", "_others", "_recent", "_roots", "_told")

    def __init__(self) -> None:
        self._recent: dict[str, tuple[Names, tuple[str, ...]]] = {}  # by incident, with its aliases; the newest last
        self._lessons: dict[str, RootLesson] = {}  # by feedback, the oldest first
        self._on: Counter[str] = Counter()
        self._off: Counter[str] = Counter()
        self._roots: Counter[str] = Counter()
        self._told: dict[str, tuple[frozenset[int], str]] = {}  # sketch and cause, by feedback
        self._having: dict[int, dict[str, None]] = {}  # which of these sketches have a hash
        self._others = 0

    def __len__(self) -> int:
        return len(self._lessons)

    # -- incidents that are over

    def remember(self, incident: str, aliases: tuple[str, ...], names: Names) -> None:
        """Keep what an incident showed: somebody may yet say what its cause was."""
        self._recent.pop(incident, None)
        self._recent[incident] = names, aliases
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    def recall(self, incident: str) -> Names | None:
        """Return what an incident showed that was over lately, by its id or an alias."""
        known = self._recent.get(incident)
        if known is not None:
            return known[0]
        return next((names for names, aliases in self._recent.values() if incident in aliases), None)

    # -- opinions

    def learn(self, feedback: str, root: str, names: Names) -> None:
        """Learn that `root` was the cause of an incident that showed `names`, in the place of what was said before."""
        self.forget(feedback)
        off = Counter(name for node, those in names.items() if node != root for name in those)
        others = len(names.keys() - {root})
        lesson = RootLesson(root, names.get(root, ()), tuple(off.items()), others, sketch_of(names))
        self._take_in(feedback, lesson)
        if len(self._lessons) > LESSONS:
            self.forget(next(iter(self._lessons)))

    def forget(self, feedback: str) -> bool:
        """Take an opinion back; say whether it was known."""
        lesson = self._lessons.pop(feedback, None)
        if lesson is None:
            return False
        self._count(lesson, -1)
        del self._told[feedback]
        for one in lesson.sketch:
            del self._having[one][feedback]
            if not self._having[one]:
                del self._having[one]
        return True

    def _take_in(self, feedback: str, lesson: RootLesson) -> None:
        self._lessons[feedback] = lesson
        self._count(lesson, 1)
        self._told[feedback] = lesson.sketch, lesson.root
        for one in lesson.sketch:
            self._having.setdefault(one, {})[feedback] = None

    def _count(self, lesson: RootLesson, times: int) -> None:
        self._roots[lesson.root] += times
        self._others += times * lesson.others
        for name in lesson.on:
            self._on[name] += times
        for name, count in lesson.off:
            self._off[name] += times * count
        if times < 0:
            for counts in (self._roots, self._on, self._off):
                for key in [lesson.root, *lesson.on, *[name for name, _ in lesson.off]]:
                    if key in counts and counts[key] == 0:
                        del counts[key]

    # -- what follows

    def times(self, node: str) -> int:
        """Return how often a node was said to be the cause."""
        return self._roots[node]

    def factor(self, node: str, names: Iterable[str], candidates: int) -> float:
        """Return what the score of one of `candidates` nodes is multiplied with, 1 where nothing was learned."""
        if not self._lessons:
            return 1.0
        ratios = sorted([self._ratio(name) for name in names], key=lambda one: (-abs(one), one))[:_MOST_TELLING]
        of_names = sum(ratios) / math.sqrt(len(ratios)) if ratios else 0.0
        prior = _PRIOR + _PRIOR_EACH * len(self._roots)
        share = (self._roots[node] + prior / candidates) / (len(self._lessons) + prior)
        lean = _NAME_WEIGHT * of_names + _NODE_WEIGHT * math.log(share * candidates)
        return math.exp(min(_FURTHEST, max(-_FURTHEST, lean)) / 2)

    def of_alike(self, names: Names) -> dict[str, float]:
        """Return the causes of the incidents most like one that shows `names`, each with a share, together below 1."""
        if not self._lessons or not names:
            return {}
        return causes_of_alike(sketch_of(bounded(names)), self._told, self._having)

    def _ratio(self, name: str) -> float:
        on, off, causes = self._on[name], self._off[name], len(self._lessons)
        rate = (on + off + 0.1) / (causes + self._others + 1)
        among_causes = (on + _SMOOTHING * rate) / (causes + _SMOOTHING)
        among_others = (off + _SMOOTHING * rate) / (self._others + _SMOOTHING)
        return math.log(among_causes / among_others)

    # -- state

    def snapshot(self) -> dict[str, Any]:
        """Return all there is to keep; every name once."""
        number: dict[str, int] = {}

        def numbered(word: str) -> int:
            return number.setdefault(word, len(number))

        recent = [
            [incident, aliases, [[numbered(node), [numbered(one) for one in those]] for node, those in names.items()]]
            for incident, (names, aliases) in self._recent.items()
        ]
        lessons = [
            [
                feedback,
                numbered(one.root),
                [numbered(name) for name in one.on],
                [[numbered(name), count] for name, count in one.off],
                one.others,
                sorted(one.sketch),
            ]
            for feedback, one in self._lessons.items()
        ]
        return {"words": list(number), "recent": recent, "lessons": lessons}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` returned."""
        words = state["words"]
        for incident, aliases, nodes in state["recent"]:
            names = {words[node]: tuple([words[name] for name in those]) for node, those in nodes}
            self._recent[incident] = names, tuple(aliases)
        for feedback, root, on, off, others, *sketch in state["lessons"]:  # older snapshots have no sketch
            lesson = RootLesson(
                words[root],
                tuple([words[name] for name in on]),
                tuple([(words[name], count) for name, count in off]),
                others,
                frozenset(*sketch),
            )
            self._take_in(feedback, lesson)


def names_by_node(signs: Iterable[tuple[str, str]], topology: Topology | None) -> Names:
    """Return the alert names of each node from (node, name); a whole also has what at least half of its parts have."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for node, name in signs:
        found[node][name] = None
    if topology is not None:
        for whole, names in _of_wholes(found, topology).items():
            found[whole] |= names
    return {node: tuple(names) for node, names in found.items()}


def bounded(names: Names) -> Names:
    """Return what is kept of an incident's names: no more than `SHOWN` in all."""
    left, kept = SHOWN, {}
    for node, those in names.items():
        if left <= 0:
            break
        kept[node] = those[:left]
        left -= len(those)
    return kept


def _of_wholes(names: Mapping[str, Mapping[str, None]], topology: Topology) -> dict[str, dict[str, None]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for node, those in names.items():
        whole = topology.service_of(node)
        if whole != node:
            counts[whole].update(those.keys())
    return {
        whole: {_WHOLE + name: None for name, count in those.items() if count >= max(2, len(topology.parts[whole]) / 2)}
        for whole, those in counts.items()
    }
