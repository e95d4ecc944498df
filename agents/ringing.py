"""What time alone does to one partition: its timers ring, oldest first, and each means something to whoever armed it.

How far time is comes from the progress of the partition, and the timers are those of its tables. Times are
milliseconds since 1970.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from agents.suppress.cause import TimerCause
from pipeline.domain import lifecycle
from pipeline.domain.change import Change
from pipeline.domain.timers import second_of
from pipeline.schemas import raw
from tables import keys

if TYPE_CHECKING:
    from agents.rates import Rates
    from agents.suppress.cause import Cause
    from agents.suppress.suppression import Suppression
    from agents.telling import Telling
    from pipeline.domain.alert import Alert, Body, Periods
    from pipeline.domain.timers import TimerWheel
    from tables.alerts import AlertTable
    from tables.deliveries import DeliveryTable
    from tables.progress import Progress

_LOOKED_AT_EVERY: Final = 24 * 3600 * 1000


class Ruler(Protocol):
    """Who rules on the changes of alerts."""

    def rule_and_tell(
        self,
        alert: Alert,
        change: Change,
        body: Body,
        labels: dict[str, str],
        output_id: str,
        cause: Cause,
        at: int,
        stream_ms: int,
    ) -> None:
        """Tell of a change at `at` as the rules have it that hold at `stream_ms`."""

    def count_repeats(self, alert: Alert) -> None:
        """Count the plain repeats that no tally has yet."""


class Ringing:
    """The timers of one partition: when somebody looks at an alert again, and what is done when they ring."""

    def __init__(
        self,
        timers: TimerWheel,
        progress: Progress,
        periods: Periods,
        *,
        alerts: AlertTable,
        deliveries: DeliveryTable,
        suppression: Suppression,
        rates: Rates | None,
        telling: Telling,
        ruler: Ruler,
    ) -> None:
        self._timers = timers
        self._progress = progress
        self._periods = periods
        self._alerts = alerts
        self._deliveries = deliveries
        self._suppression = suppression
        self._rates = rates
        self._telling = telling
        self._ruler = ruler
        self._at = 0  # the time at which timers ring, on its way to that of the progress; 0: none do

    @property
    def stream_ms(self) -> int:
        """Return how far time is: as far as the timer that rings, while one does."""
        return self._at or self._progress.stream_ms

    def arm(self, alert: Alert) -> None:
        """See that somebody looks at an alert when time alone next means something to it, and once a day at least.

        A timer that was armed stays in the wheel until its second: it must not be one a year from now.
        """
        self._arm_at(alert, lifecycle.due_at(alert, self._periods))

    def rearm(self, alert: Alert) -> None:
        """See that somebody looks at an alert that was repeated as soon as that means something."""
        due = lifecycle.due_at(alert, self._periods)
        if not alert.timer or due <= alert.timer * 1000 - 1000:
            self._arm_at(alert, due)

    def _arm_at(self, alert: Alert, due: int) -> None:
        latest = self._progress.stream_ms + _LOOKED_AT_EVERY
        second = alert.timer = second_of(due if due < latest else latest)
        self._timers.arm(second, alert.key)

    def advance(self, now_ms: int) -> None:
        """Let time pass to `now_ms`: ring every timer until then."""
        progress = self._progress
        progress.tick_ms = 0
        before = progress.stream_ms
        progress.stream_ms = max(before, now_ms)
        for second, due in self._timers.due(now_ms):
            # What came late may have been due long ago, and what that means for other alerts is decided by now.
            self._at = max(second * 1000, before)
            cause = TimerCause(progress.partition, second * 1000)
            for key in due:
                kind = key[:1]
                if kind == keys.ALERT:
                    self._ring(key, second)
                elif kind == keys.DELIVERY:
                    self._deliveries.expire(key, second * 1000)
                elif kind == keys.TENANT:
                    self._suppression.agenda.ring(self._suppression.tenant(keys.tenant_of(key)), second, cause)
                elif kind == keys.RATE and self._rates is not None:
                    self._rates.ring(keys.tenant_of(key), second, cause)
                else:
                    self._suppression.end_minute(second, cause)
        self._at = 0

    def _ring(self, key: bytes, second: int) -> None:
        """Look at the alert at `key`, unless its timer was moved on."""
        alert = self._alerts.find(key)
        if alert is None or alert.timer != second:
            return
        now = second * 1000
        if alert.steady_at and alert.steady_at <= now:
            cause = self._cause(alert, now, now)
            self._suppression.settle_flapping(alert, self._alerts.body(key), cause, self._at, now)
        change = lifecycle.pass_time(alert, now, self._periods)
        if (
            change is None
            and not alert.open
            and not alert.steady_at
            and lifecycle.forgotten_at(alert, self._periods) <= now
        ):
            self._alerts.drop(key, alert)
            return
        if change is not None:
            self._tell(alert, change, now)
        self.arm(alert)

    def _tell(self, alert: Alert, change: Change, now: int) -> None:
        """Tell what time alone made of an alert."""
        body = self._alerts.body(alert.key)
        deadline = alert.ends_at if change is Change.EXPIRED and alert.ends_at is not None else now
        cause = self._cause(alert, deadline, now)
        # A sender may give the same end again and again, so the end alone does not tell two lives apart.
        output_id = cause.id_of(alert.tenant, f"{alert.fingerprint}/{change.value}/{alert.last_seen}")
        labels = raw.labels_in(body.labels)
        if change is Change.REPEATED:
            self._alerts.touch(alert)
            ruling = self._suppression.standing(alert)
            self._telling.change(alert, change, body, labels, ruling, output_id, cause, now)
            return
        self._alerts.open_count -= 1
        if alert.count > alert.tallied:
            self._ruler.count_repeats(alert)  # it may be forgotten before the next snapshot
        self._alerts.put_body(alert, body)
        self._ruler.rule_and_tell(alert, change, body, labels, output_id, cause, now, self.stream_ms)

    def _cause(self, alert: Alert, deadline: int, now: int) -> TimerCause:
        """Return `deadline` as a cause, which names the alert if that came when the second that rings had passed."""
        return TimerCause(self._progress.partition, deadline, late=alert.fingerprint if self._at > now else "")
