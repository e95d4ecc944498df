"""Flapping: an alert that changes between firing and resolved too often, told by two thresholds.

It begins at `start_at` changes within the window and ends when at most `end_at` are left in it. In between it
stays as it is, so that an alert near one threshold does not flap between flapping and steady. What an alert keeps
are the moments of its newest changes, oldest first, no more than the thresholds need.
"""

from __future__ import annotations

from bisect import insort
from enum import StrEnum

import msgspec

from pipeline.domain.matchers import Matchers
from pipeline.domain.rule import BUILT_IN, RuleRef


class Flap(StrEnum):
    """What became of an alert's flapping; the value of `change`."""

    FLAPPING = "flapping"
    STEADY = "steady"


class FlapPolicy(msgspec.Struct, frozen=True):
    """What counts as flapping, and of which alerts; `end_at` is less than `start_at`."""

    ref: RuleRef = BUILT_IN
    enabled: bool = True
    matchers: Matchers | None = None  # None: of all
    window: int = 30 * 60_000  # ms; a change counts for less than this long
    start_at: int = 6
    end_at: int = 2


Flapping = tuple[tuple[int, ...], bool, Flap | None]
"""The moments of the newest changes, whether the alert flaps, and what became of that just now."""


def flipped(flips: tuple[int, ...], flapping: bool, at: int, policy: FlapPolicy) -> Flapping:
    """Return what a change between firing and resolved at `at` makes of an alert.

    A late one counts at its own time, if that is still within the window that ends with the newest one.
    """
    now = at if not flips or at > flips[-1] else flips[-1]
    flips, flapping, flap = settle(flips, flapping, now, policy)  # it may have been over before, with nobody looking
    if at > now - policy.window:
        moments = list(flips)
        insort(moments, at)
        flips = tuple(moments[-_kept(policy) :])
    if not flapping and policy.enabled and len(flips) >= policy.start_at:
        # Ended and begun by one and the same change: nobody needs to hear of either.
        return flips, True, Flap.FLAPPING if flap is None else None
    return flips, flapping, flap


def settle(flips: tuple[int, ...], flapping: bool, now: int, policy: FlapPolicy) -> Flapping:
    """Return what the time `now`, without a change, makes of an alert."""
    oldest = now - policy.window
    if flips and flips[0] <= oldest:
        flips = tuple(flip for flip in flips if flip > oldest)
    if flapping and (len(flips) <= policy.end_at or not policy.enabled):
        return flips, False, Flap.STEADY
    return flips, flapping, None


def steady_at(flips: tuple[int, ...], policy: FlapPolicy) -> int:
    """Return when an alert that flaps is steady if it changes no more; 0 if it is so already."""
    too_many = len(flips) - policy.end_at
    if too_many <= 0 or not policy.enabled:
        return 0
    return flips[too_many - 1] + policy.window


def _kept(policy: FlapPolicy) -> int:
    return max(policy.start_at, policy.end_at + 1)
