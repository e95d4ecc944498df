"""What is known of one tenant stays within bounds, however many names, hosts, texts and incidents it has."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

from agents.correlators import NAME, VERSION
from models import snapshot
from pipeline.domain.correlation.correlator import Correlator
from pipeline.domain.correlation.seen import Seen
from pipeline.domain.correlation.settings import CorrelationSettings
from pipeline.domain.correlation.strength import calibrated
from pipeline.domain.correlation.text import words_of
from pipeline.schemas.correlated import causes_told
from tests.step_driver import MINUTE, SECOND, T0

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANGES = 17_000  # enough of them for every bound: more only replaces what is known
TOGETHER = 32  # alerts of one incident
WRITTEN = 300_000  # bytes
IN_MEMORY = 1_400_000  # bytes, restored from what was written: no string is shared with anything else
_SYLLABLES = ("ba", "ko", "ri", "tu", "me", "sa", "lo", "ne", "fi", "du", "xa", "po", "gi", "hu", "we", "zy")


def word(number: int) -> str:
    """Return one of 65,536 words."""
    return "".join(_SYLLABLES[number >> shift & 15] for shift in (0, 4, 8, 12))


def troubles() -> Iterator[Seen]:
    """Yield incidents, one a minute, each of alerts whose names, pods and texts were hardly ever there before."""
    for number in range(CHANGES // (2 * TOGETHER)):
        began = T0 + number * MINUTE
        for change, at in (("opened", began), ("resolved", began + 5 * SECOND)):
            for alert in range(number * TOGETHER, (number + 1) * TOGETHER):
                pod = f"{word(alert)}-{alert:06d}"
                yield Seen(
                    fingerprint=f"{alert:016x}",
                    name=f"{word(alert * 31 % 4_001).title()}{word(alert * 17 % 977).title()}",
                    severity=2,
                    firing=change == "opened",
                    suppressed=False,
                    change=change,
                    at=at,
                    starts_at=began,
                    labels={"cluster": "eu-1", "service": f"service-{number}", "host": f"host-{alert:05d}", "pod": pod},
                    text=f"{word(alert * 13 % 9_973)} of {word(alert * 11 % 7_001)} above {word(alert)}",
                )


def test_what_is_remembered_for_all_tenants_together_is_bounded() -> None:
    assert [one.cache_info().maxsize for one in (words_of, calibrated, causes_told)] == [8192, 1024, 1024]


def test_what_is_known_of_a_tenant_is_bounded_when_it_is_written_and_in_memory() -> None:
    correlator = Correlator("acme", CorrelationSettings())
    largest = b""
    for number, seen in enumerate(troubles()):
        correlator.observe(seen)
        if number % 1_000 == 999:  # what is counted is cut to its half now and then, so the end is not the most
            written = snapshot.pack(NAME, VERSION, correlator.snapshot())
            largest = max(largest, written, key=len)
    assert WRITTEN / 4 < len(largest) <= WRITTEN
    taken = in_memory(largest)
    assert IN_MEMORY / 4 < taken <= IN_MEMORY


def in_memory(written: bytes) -> int:
    """Return how many bytes a correlator that is restored takes."""
    tracemalloc.start()
    try:
        known = snapshot.unpack(NAME, VERSION, written)
        correlator = Correlator.restore("acme", CorrelationSettings(), None, known)  # type: ignore[arg-type]
        del known
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
        assert correlator.open_count <= 2
    finally:
        tracemalloc.stop()
    return taken
