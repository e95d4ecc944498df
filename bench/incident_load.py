"""Deterministic changes of alerts as the ingest agent makes them: open incidents, and what goes on in each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from agents.ingest import RAW_TOPIC, IngestStep
from agents.suppress.defaults import Defaults
from bench.load import RULES, SERVICES, balanced_tenants
from pipeline.domain.alert import Periods
from pipeline.domain.timestamps import to_text
from tables.store import DictStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pipeline.schemas.records import Output

BEGIN: Final = 1_790_000_000_000
APART_MS: Final = 20_000  # between two incidents of one tenant that open: longer than any pause inside one
ALERTS: Final = 10  # of an incident
RATE: Final = 2_000  # changes a second
LIFE: Final = 3  # changes of an alert, from its beginning to its end
_HOUR: Final = 3_600_000


@dataclass(slots=True)
class Change:
    """A record as the consumer hands it over."""

    offset: int
    timestamp: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    key: bytes | None = None


Alert = tuple[int, bytes, bytes]  # when, the tenant, the value


def changes_of(alerts: Iterable[Alert], scores: bool = True) -> Iterator[Change]:
    """Yield what the ingest agent makes of alerts, in event time and without rules."""
    step = IngestStep(
        DictStore(),
        topic=RAW_TOPIC,
        partition=0,
        partitions=1,
        periods=Periods(resolve=1_000 * _HOUR, digest=1_000 * _HOUR),
        wall_clock=False,
        defaults=msgspec.structs.replace(Defaults.switched_off(), scores=scores),
    )
    told = 0
    for number, (at, tenant, value) in enumerate(alerts):
        step.process([Change(number, at, value, key=tenant)], 0)
        outputs: list[Output] = step.take_emitted().enriched
        for one in outputs:
            yield Change(told, one.timestamp, one.value, one.headers, one.key)
            told += 1


class Troubles:
    """Incidents of some tenants, each of a service of its own: one alert of each fires all the time."""

    def __init__(
        self,
        incidents: int,
        tenants: int = 20,
        labels: Callable[[int, int], str] | None = None,
        *,
        in_step: bool = True,
    ) -> None:
        """Make `incidents` in all; `labels` gives more labels, JSON that ends with a comma, of (incident, alert).

        `in_step`, all incidents get a new alert in the same round, all of these get worse in the next one and end in
        the one after that; else each kind of change comes in every round.
        """
        self.incidents = incidents
        self.tenants = balanced_tenants(min(tenants, incidents))
        self.rate = max(RATE, incidents)  # so that something happens in each incident every second or so
        self._labels = labels
        self._in_step = in_step
        self._opened_at = BEGIN

    def opening(self) -> Iterator[Alert]:
        """Yield the first alert of each incident, and at the end each of them again, worse: something is going on."""
        share = len(self.tenants)
        for number in range(self.incidents):
            at = BEGIN + number * APART_MS // share
            self._opened_at = at
            yield self.alert(number, 0, at, "firing", "warning")
        for number in range(self.incidents):
            at = self._opened_at + APART_MS + number * 1_000 // self.rate
            yield self.alert(number, 0, at, "firing", "critical")
        self._opened_at = at

    def flow(self, count: int) -> Iterator[Alert]:
        """Yield alerts that come up in an incident, get worse and are resolved, and come up again; each is a change."""
        for number in range(count):
            yield self.change(number, self._opened_at + number * 1_000 // self.rate)

    def change(self, number: int, at: int, value: float = 0.0) -> Alert:
        """Return change `number` of the flow, at `at`."""
        incident, visit = number % self.incidents, number // self.incidents
        if not self._in_step:
            visit += incident % LIFE
        status, severity = _CHANGES[visit % LIFE]
        return self.alert(incident, 1 + visit // LIFE % (ALERTS - 1), at, status, severity, value)

    def alert(self, incident: int, which: int, at: int, status: str, severity: str, value: float = 0.0) -> Alert:
        """Return one alert of an incident."""
        tenant = self.tenants[incident % len(self.tenants)]
        rule, instance = RULES[which % len(RULES)], which // len(RULES)
        service = f"{SERVICES[incident % len(SERVICES)]}-{incident}"
        more = "" if self._labels is None else self._labels(incident, which)
        text = (
            f'{{"tenant_id":"{tenant}","name":"{rule}","severity":"{severity}","status":"{status}","labels":'
            f'{{{more}"cluster":"eu-1","namespace":"shop","service":"{service}","job":"{service}",'
            f'"instance":"10.{incident >> 8 & 255}.{incident & 255}.{instance}:9100"}},'
            f'"annotations":{{"summary":"{rule} on {service} for 5 minutes","runbook":"https://runbooks.example/{rule}"}},'
            f'"starts_at":"{to_text(at)}","source":"prometheus","value":{value:.6f}}}'
        )
        return at, tenant.encode(), text.encode()


_CHANGES: Final = (("firing", "warning"), ("firing", "critical"), ("resolved", "critical"))
