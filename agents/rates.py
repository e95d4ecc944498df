"""The alert rates of all tenants of one partition: counted by the minute, and looked at by the tenant's models.

A record costs nothing here. What a minute of a tenant brought is added to its bucket of five minutes; when that is
over, a timer lets its models look. Each tenant's buckets end at a minute and are looked at in a second of its own, so
of ten thousand tenants some 35 are looked at in a second, and the dearer forecast is asked of half of these. The models
that were used last are in memory, those of other tenants wait in the store.

A tenant is looked at for an hour after its last record, and as long as something that was told of it is not over. A
longer silence is taken in with the next record.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol
from zlib import crc32

import msgspec

from agents.in_memory import InMemory
from agents.rate_models import BUCKET, IN_FORECAST, RateModels
from agents.suppress import tellings
from models import snapshot
from tables import keys
from tables.journal import Journal
from tables.unreadable import decoded

if TYPE_CHECKING:
    from agents.rate_models import RateNews
    from agents.suppress.cause import Cause
    from pipeline.domain.timers import TimerWheel
    from pipeline.schemas.own import OwnAlert
    from tables.store import Rows, RowStore

NAME: Final = "rates"
VERSION: Final = 1
TENANTS: Final = 4_000
"""Tenants of a partition whose models are in memory, at 18 KB each; those of others wait in the store."""
AWAKE: Final = 12  # buckets without a record that are looked at in time
WHOLE_AFTER: Final = 600_000  # ms; what a tenant's models learn again when they are read is one look or two
_SECONDS: Final = BUCKET * 60
_encode = msgspec.msgpack.Encoder().encode


class Teller(Protocol):
    """Who lets records leave."""

    def tell_own(self, tenant: str, own: OwnAlert, cause: Cause, at: int) -> None:
        """Tell of an alert of the pipeline's own."""


class Looked(msgspec.Struct, array_like=True, frozen=True):
    """One look at a tenant: the bucket that was over, when it began, what it brought, and when that was seen."""

    bucket: int
    begin: int
    count: int
    at: int


class _Rate(msgspec.Struct):
    """What a tenant's bucket has brought so far."""

    count: int = 0
    silent: int = 0  # buckets in a row that brought nothing
    due: int = 0  # the second at which somebody looks at it; 0: nobody does

    def row(self) -> bytes:
        """Return it as a row."""
        return _encode((VERSION, self.count, self.silent, self.due))


_decode = msgspec.msgpack.Decoder(tuple[int, int, int, int]).decode


class Phase(msgspec.Struct, frozen=True):
    """When a tenant's buckets end, and how long after that they are looked at."""

    minutes: int
    seconds: int  # fewer than a minute, so that no minute of the next bucket is over

    @classmethod
    def of(cls, tenant: str) -> Phase:
        """Return that of a tenant; the same for ever."""
        number = crc32(tenant.encode())
        minutes = BUCKET * IN_FORECAST
        return cls(number % minutes, 1 + number // minutes % 59)

    def bucket_of(self, minute: int) -> int:
        """Return the bucket that a minute since 1970 is in."""
        return (minute - self.minutes) // BUCKET

    def due(self, bucket: int) -> int:
        """Return the second since 1970 at which a bucket is looked at."""
        return self.begin(bucket + 1) + self.seconds

    def begin(self, bucket: int) -> int:
        """Return the second since 1970 at which a bucket begins."""
        return (bucket * BUCKET + self.minutes) * 60


class Rates:
    """What is known of the alert rates of one partition's tenants."""

    def __init__(self, store: RowStore, timers: TimerWheel, teller: Teller, tenants: int = TENANTS) -> None:
        self.told: Counter[tuple[str, str]] = Counter()  # what began since the last report, by tenant and name
        self._store = store
        self._timers = timers
        self._teller = teller
        self._journal = Journal(store, Looked, whole=keys.RATES_KNOWN, since=keys.RATES_JOURNAL, longest=WHOLE_AFTER)
        self._rates: dict[str, _Rate] = {}
        self._changed: set[str] = set()
        self._models = InMemory(tenants, lambda name: _restored(*self._journal.read(name)), self._journal.is_written)

    def load(self) -> None:
        """Go on counting where the state stands. Models are read when they are to look."""
        for key, row in self._store.scan(keys.RATE + b"\0"):
            tenant = keys.tenant_of(key)
            rate = self._rates[tenant] = _Rate(*decoded(key, row, _decode, VERSION)[1:])
            if rate.due:
                self._timers.arm(rate.due, key)
        for _ in self._journal.load():
            pass

    def count(self, tenant: str, minute: int, count: int) -> None:
        """Take in what a minute of a tenant brought, at its end."""
        rate = self._rates.get(tenant)
        if rate is None:
            rate = self._rates[tenant] = _Rate()
        rate.count += count
        self._changed.add(tenant)
        if not rate.due:
            phase = Phase.of(tenant)
            self._look_at(tenant, rate, phase.due(phase.bucket_of(minute)))

    def ring(self, tenant: str, second: int, cause: Cause) -> None:
        """Let a tenant's models look at the bucket that is over."""
        rate = self._rates.get(tenant)
        if rate is None or rate.due != second:
            return
        phase = Phase.of(tenant)
        bucket = phase.bucket_of(second // 60) - 1
        looked = Looked(bucket, phase.begin(bucket) * 1000, rate.count, second * 1000)
        models = self._models.of(tenant)
        for news in _let_look(models, looked):
            own = tellings.rate_news(news, looked.at)
            self._teller.tell_own(tenant, own, cause, looked.at)
            if not news.over:
                self.told[tenant, own.name] += 1
        self._journal.happened(tenant, looked, looked.at)
        if self._models.room < 0:
            self._journal.write_whole(tenant)  # it is let go of soon, and to be read without learning again
        rate.silent = 0 if rate.count else rate.silent + 1
        rate.count = rate.due = 0
        self._changed.add(tenant)
        if rate.silent < AWAKE or models.has_told:
            self._look_at(tenant, rate, second + _SECONDS)

    def _look_at(self, tenant: str, rate: _Rate, second: int) -> None:
        rate.due = second
        self._timers.arm(second, keys.rate(tenant))

    def snapshot(self, rows: Rows, now: int) -> None:
        """Add to `rows` what was counted and learned since the last snapshot."""
        for tenant in self._changed:
            rows[keys.rate(tenant)] = self._rates[tenant].row()
        self._changed.clear()
        self._journal.snapshot(rows, lambda tenant: snapshot.pack(NAME, VERSION, self._models.of(tenant).state()), now)

    def shrink(self) -> None:
        """Let go of the models beyond the bound that were used the longest ago. Call it when a snapshot is stored."""
        self._models.shrink()


def _let_look(models: RateModels, looked: Looked) -> list[RateNews]:
    return models.learn(looked.bucket, looked.begin, looked.count, looked.at)


def _restored(whole: bytes | None, since: list[Looked]) -> RateModels:
    models = RateModels() if whole is None else RateModels.restored(snapshot.unpack(NAME, VERSION, whole))
    for looked in since:
        _let_look(models, looked)
    return models
