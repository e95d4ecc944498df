"""`core-alerts worker`: one worker process."""

from typing import Annotated

import typer

from pipeline.commands.context import ConfigOption, DataDirOption, settings_for
from pipeline.domain.errors import ConfigurationError

AGENTS = ("ingest", "correlate")


def worker(
    context: typer.Context,
    agents: Annotated[
        str, typer.Option(metavar="NAME,…", help=f"Which agents to run. This release has: {', '.join(AGENTS)}.")
    ] = ",".join(AGENTS),
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Run a worker in the foreground.

    It runs until SIGTERM or Ctrl-C and logs to stderr. It serves /metrics, /livez and /readyz on web.host:web.port.
    More workers share the partitions among them; each needs a data folder of its own.

    \b
    Example:
      CORE_ALERTS_BROKER=kafka-1:9092 core-alerts worker --data-dir /var/lib/core-alerts
    """  # noqa: D301
    names = _agents(agents)
    settings = settings_for(context, config, data_dir=data_dir)
    from pipeline.logs import configure_logging
    from pipeline.worker import run_worker

    configure_logging(settings.log.level, settings.log.format)
    raise typer.Exit(run_worker(settings, names))


def _agents(text: str) -> list[str]:
    """Return the agents named, each once.

    Raises:
        ConfigurationError: unless all of them exist.
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in AGENTS]
    if unknown or not names:
        what = f"there is no agent {', '.join(unknown)}" if unknown else "no agent is named"
        raise ConfigurationError(f"--agents: {what}. This release has: {', '.join(AGENTS)}.")
    return names
