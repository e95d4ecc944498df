"""Run one worker with the settings of the environment."""

from __future__ import annotations

import os
import sys

import structlog

from pipeline.domain.errors import CoreAlertsError
from pipeline.logs import configure_logging
from pipeline.settings import load_settings
from pipeline.worker import run_worker


def main() -> int:
    settings = load_settings(None, os.environ)
    configure_logging(settings.log.level, settings.log.format, sys.stderr)
    try:
        return run_worker(settings)
    except CoreAlertsError as error:
        structlog.get_logger("core_alerts.worker").error("cannot start", error=str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
