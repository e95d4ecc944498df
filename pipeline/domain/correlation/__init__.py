"""Correlation of one tenant's alerts into incidents, and the ranking of their causes."""

from pipeline.domain.correlation.correlator import Correlator
from pipeline.domain.correlation.seen import Feedback, Seen
from pipeline.domain.correlation.settings import CorrelationSettings
from pipeline.domain.correlation.views import Cause, IncidentEvent, IncidentView, Link, Member

__all__ = [
    "Cause",
    "CorrelationSettings",
    "Correlator",
    "Feedback",
    "IncidentEvent",
    "IncidentView",
    "Link",
    "Member",
    "Seen",
]
