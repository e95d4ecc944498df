"""Control records for properties to hold over: every kind, with thresholds that a few records reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from agents.suppress.defaults import Defaults
from pipeline.domain.budgets import BudgetPolicy
from pipeline.domain.flapping import FlapPolicy
from pipeline.domain.storms import StormPolicy
from pipeline.domain.tenants import TenantPolicy
from pipeline.domain.throttling import ThrottlePolicy
from pipeline.domain.timestamps import to_text
from tests.step_driver import HOUR, MINUTE, SECOND, T0, Record, control

if TYPE_CHECKING:
    from collections.abc import Sequence

TOUCHY = Defaults(
    StormPolicy(floor=3, factor=1.0, quiet_minutes=2),
    FlapPolicy(window=10 * MINUTE, start_at=3, end_at=1),
    TenantPolicy(
        throttle=ThrottlePolicy(per_minute=6, burst=4, name_per_minute=3, name_burst=2),
        budget=BudgetPolicy(suppressed_per_day=6, warn_at=0.5),
        hide_noise_from=0.9,
    ),
    scores=True,
)
"""Policies by which nearly everything is hidden at some time, and scores of everything."""

_MATCHERS = st.sampled_from(
    [
        ['alertname="A"'],
        ['alertname=~"A|B"', 'a="1"'],
        ['severity="warning"'],
        [],
        ['a!="1"'],
        ['annotations.summary="one"'],
    ]
)
_FROM = st.sampled_from([-HOUR, 0, SECOND, 90_500, 10 * MINUTE])
_LASTS = st.sampled_from([SECOND, MINUTE, 7 * MINUTE + 1, HOUR])


@st.composite
def rules(draw: st.DrawFn, offset: int, at: int, tenants: Sequence[str]) -> Record:
    """Draw a record of the topic control that is written at `at`, now and then one that nobody can use."""
    tenant = draw(st.sampled_from(tenants))
    kind = draw(st.sampled_from(sorted(_SPECS)))
    rule_id = tenant if kind == "tenant" else draw(st.sampled_from(["one", "two"]))
    version = draw(st.integers(1, 4))
    what = draw(st.integers(0, 9))
    if what == 0:
        return Record(offset, at, draw(st.sampled_from([None, b"{", b"[]"])), key=f"{tenant}/{kind}/{rule_id}".encode())
    spec = None if what < 3 else draw(_SPECS[kind](at))
    return control(offset, kind, rule_id, spec, version=version, tenant=tenant, at=at)


def _spans(at: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda matchers, begin, lasts: {
            "matchers": matchers,
            "starts_at": to_text(at + begin),
            "ends_at": to_text(at + begin + lasts),
        },
        _MATCHERS,
        _FROM,
        _LASTS,
    )


def _silences(at: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda span, ends, remind: {**span, "expire_on_resolve": ends, "remind_before": remind},
        _spans(at),
        st.booleans(),
        st.sampled_from([None, "30s", "1h"]),
    ) | st.just(
        {
            "matchers": ['alertname="A"'],
            "recurs": {
                "rrule": "FREQ=HOURLY",
                "start": "00:10",
                "duration": "20m",
                "time_zone": "Europe/Berlin",
                "from": to_text(T0)[:10],
            },
        }
    )


_SPECS: dict[str, Any] = {
    "silence": _silences,
    "maintenance_window": _spans,
    "inhibit_rule": lambda at: st.sampled_from(
        [
            {"source_matchers": ['alertname="B"'], "target_matchers": ['alertname="A"'], "equal": ["a"]},
            {"source_matchers": ['severity="critical"'], "target_matchers": ['severity="warning"'], "equal": []},
        ]
    ),
    "storm_policy": lambda at: st.sampled_from([{"floor": 2, "quiet_minutes": 1}, {"enabled": False}]),
    "flap_policy": lambda at: st.sampled_from(
        [
            {"window": "3m", "start_at": 2, "end_at": 0},
            {"enabled": False},
            {"matchers": ['alertname="B"'], "start_at": 4},
        ]
    ),
    "identity_rule": lambda at: st.sampled_from([{"drop": ["b"]}, {"name": [{"pattern": "B", "replace": "A"}]}]),
    "tenant": lambda at: st.sampled_from(
        [
            {"always_pass": ["B"], "throttle": {"name_per_minute": 1, "name_burst": 1}},
            {"dead_mans_switches": [{"id": "a", "matchers": ['alertname="A"'], "within": "1m"}]},
            {"never_suppress": "warning", "budget": {"suppressed_per_day": 1}},
            {"noise": {"hide_from": 0.5}},
            {"noise": {"hide_from": 0.95}},
        ]
    ),
    "feedback": lambda at: st.sampled_from(
        [
            {"says": "noise", "name": "A"},
            {"says": "noise", "name": "B"},
            {"says": "wanted", "name": "A"},
            {"says": "wanted", "name": "A", "source": "p"},
        ]
    ),
}
