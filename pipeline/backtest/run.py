"""Two sets of rules side by side over the same alerts, in one pass: what the one hides and the other does not.

A change is the same in both runs if it has the same id: that follows from the alert, or the time, that caused it.
What a rule causes as it is taken in is the same if it happens to the same alert at the same time.
Both runs process the same alerts between two comparisons, so what is caused by one is compared at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pipeline.backtest.hours import Hours
from pipeline.backtest.lives import Lives
from pipeline.backtest.shift import Count, Shift
from pipeline.backtest.storms import Storms
from pipeline.domain.change import Change
from pipeline.ledger.told import read_told
from pipeline.replay import Replay
from pipeline.schemas.outputs import CONTROL_TOPIC
from pipeline.schemas.own import STORM
from pipeline.schemas.records import ORIGIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.suppress.defaults import Defaults
    from pipeline.backtest.storms import StormSpan
    from pipeline.domain.alert import Periods
    from pipeline.exchange import Line
    from pipeline.ledger.told import ToldChange
    from pipeline.replay_control import ControlLog
    from pipeline.replay_summary import Summary
    from pipeline.schemas.records import Output

NOW: Final = 0
CANDIDATE: Final = 1
_TOGETHER: Final = 1000  # alerts between two comparisons
_BY_A_RULE: Final = f"{CONTROL_TOPIC}/".encode()


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides in one of the two runs."""

    control: ControlLog
    defaults: Defaults


@dataclass(slots=True)
class Difference:
    """All that differs between the rules as they are and the candidate."""

    now: Summary
    candidate: Summary
    hidden: Shift
    released: Shift
    merged: Count
    """Alerts that are no alerts of their own with the candidate."""
    split: Count
    """Alerts of their own with the candidate only."""
    told_more: Counter[str]
    """Changes to be seen with the candidate that are not there now, by change: most are ends of suppression."""
    told_less: Counter[str]
    """Changes to be seen now that are not there with the candidate, by change."""
    storms_begun: list[StormSpan]
    """Storms that meet none there is now."""
    storms_avoided: list[StormSpan]
    hours: Hours
    span: tuple[int, int] | None
    """The times (ms) of the first and the last alert; None without any."""


@dataclass(slots=True)
class _Account:
    """What is counted as the records come."""

    hidden: Shift = field(default_factory=Shift)
    released: Shift = field(default_factory=Shift)
    told_more: Counter[str] = field(default_factory=Counter)
    told_less: Counter[str] = field(default_factory=Counter)
    hours: Hours = field(default_factory=Hours)
    storms: tuple[Storms, Storms] = field(default_factory=lambda: (Storms(), Storms()))
    lives: Lives = field(init=False)

    def __post_init__(self) -> None:
        self.lives = Lives(self.hidden, self.released)

    def take(self, now: Sequence[Output], candidate: Sequence[Output]) -> None:
        """Compare what both runs tell of the same alerts."""
        before, after = self._read(NOW, now), self._read(CANDIDATE, candidate)
        for cause, (told, at) in before.items():
            twin = after.pop(cause, None)
            self._compare(told, None if twin is None else twin[0], at)
        for told, at in after.values():
            self._compare(None, told, at)
        self.lives.settle()

    def _read(self, side: int, outputs: Sequence[Output]) -> dict[str, tuple[ToldChange, int]]:
        """Return by its cause what one run tells of alerts, and when; take note of its storms."""
        found = {}
        for output in outputs:
            told = read_told(output.value or b"")
            if told.is_own:
                self._take_own(side, told, output.timestamp)
            else:
                found[_cause_of(output, told)] = told, output.timestamp
                self.lives.see(side, told)
        return found

    def _take_own(self, side: int, told: ToldChange, at: int) -> None:
        if told.name != STORM:
            return
        if told.change == Change.OPENED:
            self.storms[side].begin(told.tenant_id, at)
        elif told.change == Change.RESOLVED:
            self.storms[side].end(told.tenant_id, at)

    def _compare(self, before: ToldChange | None, after: ToldChange | None, at: int) -> None:
        was_seen, is_seen = (told is not None and told.is_active for told in (before, after))
        if was_seen or is_seen:
            self.hours.add(at, now=was_seen, candidate=is_seen)
        if was_seen and not is_seen and before is not None:
            if after is None:
                self.told_less[before.change] += 1
            else:
                self.hidden.add_change(before, after.suppressed_by, at)
        elif is_seen and not was_seen and after is not None:
            if before is None:
                self.told_more[after.change] += 1
            else:
                self.released.add_change(after, before.suppressed_by, at)


def _cause_of(output: Output, told: ToldChange) -> str:
    """Return what makes a change the same in both runs."""
    origin = next((text for name, text in output.headers if name == ORIGIN), b"")
    if origin.startswith(_BY_A_RULE):  # its offset differs where the rules do, and so its id
        return f"{told.tenant_id}/{told.fingerprint}/{told.change}/{output.timestamp}"
    return told.id


class Backtest:
    """Take alerts one by one, and say at the end how the candidate differs."""

    def __init__(self, periods: Periods, now: Rules, candidate: Rules, *, partitions: int | None = None) -> None:
        self._told: tuple[list[Output], list[Output]] = ([], [])
        self._runs = [
            Replay(
                periods,
                defaults=rules.defaults,
                control=rules.control,
                partitions=partitions,
                batch_size=_TOGETHER + 1,  # it is told when to process
                watch=told.extend,
            )
            for rules, told in zip((now, candidate), self._told, strict=True)
        ]
        self._account = _Account()
        self._waiting = 0
        self._span: tuple[int, int] | None = None

    def take(self, line: Line) -> None:
        """Take the next alert.

        Raises ConfigurationError for a recorded record that does not fit the number of partitions.
        """
        if line.timestamp is not None:
            first, last = self._span or (line.timestamp, line.timestamp)
            self._span = min(first, line.timestamp), max(last, line.timestamp)
        for run in self._runs:
            run.take(line)
        self._waiting += 1
        if self._waiting >= _TOGETHER:
            for run in self._runs:
                run.process()
            self._compare()

    def finish(self) -> Difference:
        """Process what is left and return all that differs."""
        now, candidate = (run.finish() for run in self._runs)
        self._compare()
        account = self._account
        account.lives.finish()
        return Difference(
            now,
            candidate,
            account.hidden,
            account.released,
            account.lives.merged,
            account.lives.split,
            account.told_more,
            account.told_less,
            account.storms[CANDIDATE].beyond(account.storms[NOW]),
            account.storms[NOW].beyond(account.storms[CANDIDATE]),
            account.hours,
            self._span,
        )

    def _compare(self) -> None:
        self._waiting = 0
        self._account.take(*self._told)
        for told in self._told:
            told.clear()
