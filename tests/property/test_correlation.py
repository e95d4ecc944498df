"""What must hold for correlation: the same after a restart at any point, bounded, and every firing alert somewhere."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.correlation import CorrelationSettings, Correlator, Feedback, IncidentEvent, Seen
from pipeline.domain.topology import Edge, Topology

T0 = 1_700_000_000_000
SETTINGS = CorrelationSettings(incidents=5, members=6)
SHOP = Topology(
    {},
    [
        Edge("front", "cart", "control_flow"),
        *(Edge(f"{name}-{number}", name, "instance_of") for name in ("front", "cart") for number in (0, 1)),
        *(Edge(f"{name}-{number}", f"node-{number}", "hosted_on") for name in ("front", "cart") for number in (0, 1)),
    ],
)
Step = tuple[int, str, str, str, int, bool]
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 100, 1_000, 5_000, 20_000, 400_000]),
        st.sampled_from(["opened", "opened", "resumed", "repeated", "resolved", "expired", "tick", "feedback"]),
        st.sampled_from(["DiskFull", "DiskSlow", "Errors"]),
        st.sampled_from(["front-0", "front-1", "cart-0", "node-1", "elsewhere"]),
        st.integers(0, 4),
        st.booleans(),
    ),
    max_size=60,
)


def lived(steps: list[Step], *, restart_before: frozenset[int] = frozenset()) -> tuple[list[IncidentEvent], Correlator]:
    """Return all that is told, and the correlator at the end."""
    acme = Correlator("acme", SETTINGS, SHOP)
    told: list[IncidentEvent] = []
    now = T0
    last: dict[str, int] = {}
    for number, (later, change, name, pod, severity, flag) in enumerate(steps):
        if number in restart_before:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(acme.snapshot()))
            acme = Correlator.restore("acme", SETTINGS, SHOP, state)
        now += later
        fingerprint = f"{name}/{pod}"
        if change == "tick":
            told += acme.pass_time(now)
        elif change == "feedback":
            told += acme.apply_feedback(feedback(number, severity, fingerprint, acme, told), now)
        else:
            firing = change not in {"resolved", "expired"}
            labels = {"pod": pod, "cluster": "production"}
            quiet = now - last.get(fingerprint, now) if change == "resumed" else 0
            told += acme.observe(
                Seen(fingerprint, name, severity, firing, flag, change, now, now, labels, quiet_ms=quiet)
            )
            last[fingerprint] = now
    return told, acme


def feedback(number: int, kind: int, fingerprint: str, acme: Correlator, told: list[IncidentEvent]) -> Feedback:
    kinds = ("belongs", "does_not_belong", "root_cause", "undo", "undo")
    incident = acme.incident_of(fingerprint if kind else "DiskFull/front-0")
    if incident is None:  # one that is over, most often
        incident = told[0].incident.id if told else "unknown"
    return Feedback(f"f{number}", kinds[kind], incident, fingerprint, node="cart", of=f"f{number - 1}")


@settings(max_examples=150, deadline=None)
@given(STEPS, st.frozensets(st.integers(0, 60), max_size=4))
def test_a_restart_changes_nothing(steps: list[Step], restarts: frozenset[int]) -> None:
    told, acme = lived(steps)
    again, other = lived(steps, restart_before=restarts)
    assert again == told
    assert other.snapshot() == acme.snapshot()


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_every_view_is_sound(steps: list[Step]) -> None:
    told, acme = lived(steps)
    assert acme.open_count <= SETTINGS.incidents
    for event in told:
        view: Any = event.incident
        assert len({member.fingerprint for member in view.members}) == len(view.members) <= SETTINGS.members
        assert 0.0 <= view.confidence <= 1.0
        assert view.first_seen <= view.last_seen
        assert all(0.0 <= member.strength <= 1.0 for member in view.members)
        if view.root_causes:
            assert abs(sum(cause.confidence for cause in view.root_causes) - 1.0) < 1e-9
        if event.kind == "opened" and event.about:
            assert any(not member.suppressed for member in view.members) or len(view.members) >= 1


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_all_incidents_close_when_all_alerts_end(steps: list[Step]) -> None:
    _, acme = lived(steps)
    now = T0 + sum(step[0] for step in steps)
    for name in ("DiskFull", "DiskSlow", "Errors"):
        for pod in ("front-0", "front-1", "cart-0", "node-1", "elsewhere"):
            acme.observe(Seen(f"{name}/{pod}", name, 2, False, False, "resolved", now, now, {"pod": pod}))
    acme.pass_time(now + 1_000_000_000)
    assert acme.open_count == 0
    assert acme.next_time is None or acme.next_time > now
