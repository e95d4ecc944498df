"""The models of one tenant together: how large they become, and that all of it is restored."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from agents.scoring import NAME, VERSION
from agents.tenant_models import Learned, Life, TenantModels
from models import snapshot
from models.features import StreamInput
from models.noise import NoiseInput
from models.openings import MOST
from models.time_to_resolve import Open
from models.will_flap import Opened

MEGABYTE = 1_000_000
WEEK = 7 * 86_400_000
T0 = 1_700_000_000_000
NAMES = 3_000  # more than any model keeps, each on a host of its own


def learn_everything(models: TenantModels) -> None:
    """Let as much of everything be learned as any bound allows, with texts that are longer than most."""
    for number in range(NAMES):
        at, name, host = T0 + number, f"an alert with a long name, {number}", f"host-{number}.a.long.domain.example.org"
        life = Life(at, number, name, host)
        models.learn(Learned(StreamInput(at, name, host), life=life))
        models.learn(Learned(life=Life(at, number, name, lasted_ms=2_000_000_000 - number)))
        models.flap.learn(Opened(name, host), float(number % 3 == 0))
        models.learn(Learned(life=Life(at, number, name, host, again=True)))
    for week in range(8):
        for number in range(400):
            asked = NoiseInput(T0 + week * WEEK, f"name {number}", "prometheus", f"host-{number}")
            for wanted in (0.0, 1.0):
                models.learn(Learned(alert=asked, wanted=wanted))
    for number in range(256 * 130):  # every name has as many ends as are kept of it
        models.resolve.model.learn(Open(f"name {number % 256}"), 2_000_000.0 + number)
    for number in range(2 * MOST):
        models.learn(Learned(life=Life(T0 + WEEK, -1 - number, "n" * 60 + str(number), "h" * 64)))


@pytest.fixture(scope="module")
def full() -> tuple[TenantModels, int]:
    """Return models that know as much as they ever may, and the bytes of their objects."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        models = TenantModels()
        learn_everything(models)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return models, after - before


def test_a_tenant_takes_less_than_a_megabyte_of_the_store_whatever_it_sends(full: tuple[TenantModels, int]) -> None:
    packed = snapshot.pack(NAME, VERSION, full[0].state())
    assert 300_000 < len(packed) < MEGABYTE


def test_a_tenant_takes_little_more_in_memory(full: tuple[TenantModels, int]) -> None:
    assert full[1] < 1.5 * MEGABYTE


def test_what_is_restored_goes_on_the_same(full: tuple[TenantModels, int]) -> None:
    models, _ = full
    packed = snapshot.pack(NAME, VERSION, models.state())
    again = TenantModels.restored(snapshot.unpack(NAME, VERSION, packed))
    assert snapshot.pack(NAME, VERSION, again.state()) == packed
    learned = Learned(StreamInput(T0 + WEEK + 1, "new", "h"), life=Life(T0 + WEEK + 1, 5, "new", "h"))
    for one in (models, again):
        one.learn(learned)
    assert snapshot.pack(NAME, VERSION, again.state()) == snapshot.pack(NAME, VERSION, models.state())
