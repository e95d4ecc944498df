"""The exception tree.

CoreAlertsError
├── ConfigurationError      settings, files or arguments are wrong: the command exits with 2
├── InfrastructureError     broker, disk or store failed: the worker stops without committing
│   └── StateDamagedError   a local store cannot be trusted: it is wiped and restored from its changelog
└── RejectedRecordError     one input record cannot be processed: it goes to the dead letters with its reason
    └── InvalidControlError a control record means nothing; with the path and the remedy. In schemas/control_problems.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.domain.reasons import Rejection


class CoreAlertsError(Exception):
    """Anything this project raises on purpose."""


class ConfigurationError(CoreAlertsError):
    """What the operator gave is wrong; the message says where and what to write instead."""


class InfrastructureError(CoreAlertsError):
    """The broker, the disk or the store failed; the message says what to look at."""


class StateDamagedError(InfrastructureError):
    """A local store cannot be trusted."""


class RejectedRecordError(CoreAlertsError):
    """A record cannot become an alert; `reason` names why, the text says what exactly."""

    def __init__(self, reason: Rejection, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
