"""What can be set about correlation. One setting serves security events and metrics alike: the gap is learned."""

from __future__ import annotations

import msgspec


class CorrelationSettings(msgspec.Struct, frozen=True):
    """Which signals are on, how much each weighs, and the bounds. Times are milliseconds."""

    temporal: bool = True
    labels: bool = True
    topology: bool = True
    text: bool = True
    cooccurrence: bool = True
    learn_gap: bool = True
    onset: bool = True  # split an incident when many of its alerts fire again at once

    gap: int = 8_000  # until enough was learned
    shortest_gap: int = 4_500
    longest_gap: int = 120_000

    # The part that a signal at its strongest, at a pause of nothing, has in belonging together.
    temporal_weight: float = 0.2
    isolated_weight: float = 0.6  # in its place for nodes of which the topology knows no edge
    label_weight: float = 0.95
    topology_weight: float = 0.95
    text_weight: float = 0.3
    cooccurrence_weight: float = 0.6

    slope: float = 1.0  # of the logistic curve from the signals' strength to a probability
    shift: float = 0.0
    join_from: float = 0.5  # probability
    merge_from: float = 0.9
    alone_for: int = 600_000  # an alert that alone makes an incident, and fires on and off, stays in it for so long
    patience: float = 6.0  # gaps, divided by its alerts: a pause after which an alert still goes on in its incident

    incidents: int = 10_000  # open ones; beyond them the one that was quiet for longest is closed
    members: int = 1_000  # of one incident that a view names
    root_causes: int = 10  # that a view names
