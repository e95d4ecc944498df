"""The composition root: everything is built here, from settings, and nothing is built on import."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from prometheus_client import CollectorRegistry

from agents.correlate import CorrelateStep
from agents.ingest import RAW_TOPIC, IngestStep
from agents.suppress.defaults import Defaults
from pipeline import topics
from pipeline.domain.alert import Periods
from pipeline.domain.correlation.settings import CorrelationSettings
from pipeline.health import Health, HealthState
from pipeline.metrics import Metrics
from pipeline.schemas.outputs import CONTROL_TOPIC, ENRICHED_TOPIC
from pipeline.stream.engine import create_engine
from pipeline.stream.runtime import Runtime, RuntimeConfig
from pipeline.stream.store import StoreLimits
from pipeline.telemetry import Telemetry
from pipeline.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.settings import Settings
    from pipeline.stream.engine import EngineApp
    from pipeline.stream.step import StepFactory
    from pipeline.topics import Topic
    from tables.store import RowStore

INGEST: Final = "ingest"
CORRELATE: Final = "correlate"
AGENTS: Final = (INGEST, CORRELATE)
"""Every agent there is, in the order in which a record meets them."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent of a worker, built and not yet started."""

    name: str
    engine: EngineApp
    runtime: Runtime


@dataclass(frozen=True, slots=True)
class App:
    """One worker, built and not yet started."""

    agents: tuple[Agent, ...]
    health: Health
    registry: CollectorRegistry


def group_of(settings: Settings, agent: str) -> str:
    """Return the consumer group of an agent: each has one of its own, for each reads another topic."""
    return settings.group if agent == INGEST else f"{settings.group}-{agent}"


def changelog_topic(settings: Settings, agent: str = INGEST) -> str:
    """Return the name of an agent's changelog topic, as Faust names it."""
    return f"{group_of(settings, agent)}-{_TABLES[agent]}-changelog"


def changelog_topics(settings: Settings) -> list[Topic]:
    """Return the changelog topics of all agents."""
    return [topics.changelog_topic(changelog_topic(settings, agent)) for agent in AGENTS]


_TABLES: Final = {INGEST: INGEST, CORRELATE: "incidents"}
# A change costs the correlate agent a hundred times what a repeat costs the ingest agent, which waits for it where both
# are in one process.
_FEW: Final = 50
_INPUTS: Final = {INGEST: RAW_TOPIC, CORRELATE: ENRICHED_TOPIC}


def periods(settings: Settings) -> Periods:
    """Return the periods of an alert's life from the settings."""
    ingest = settings.ingest
    return Periods(
        digest=_ms(ingest.digest_interval),
        resolve=_ms(ingest.resolve_timeout),
        reopen=_ms(ingest.reopen_window),
        delivery=_ms(ingest.delivery_window),
        skew=_ms(ingest.max_future_skew),
        bursts=ingest.tell_bursts,
    )


def defaults(settings: Settings) -> Defaults:
    """Return the policies of tenants that wrote none."""
    found = Defaults() if settings.suppression.adaptive else Defaults.switched_off()
    return msgspec.structs.replace(found, scores=settings.models.scores)


def create_app(settings: Settings, agents: Sequence[str] = (INGEST,)) -> App:
    """Return a worker that runs these agents."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, version=VERSION, tenant_label_limit=settings.metrics.tenant_label_limit)
    health = Health({name: HealthState(settings.worker.stall_timeout.total_seconds()) for name in agents})
    return App(tuple([_agent(name, settings, metrics, health) for name in agents]), health, registry)


def _agent(name: str, settings: Settings, metrics: Metrics, health: Health) -> Agent:
    worker = settings.worker
    exactly_once = settings.processing_guarantee == "exactly_once"
    config = RuntimeConfig(
        agent=_TABLES[name],
        group=group_of(settings, name),
        input_topic=_INPUTS[name],
        control_topic=CONTROL_TOPIC,
        changelog_topic=changelog_topic(settings, name),
        data_dir=settings.data_dir,
        connection=settings.connection(),
        exactly_once=exactly_once,
        interval=(worker.commit_interval if exactly_once else worker.checkpoint_interval).total_seconds(),
        wall_clock=settings.ingest.clock == "wall",
        max_batch=worker.max_batch if name == INGEST else min(worker.max_batch, _FEW),
        request_timeout=worker.request_timeout.total_seconds(),
        shutdown_timeout=worker.shutdown_timeout.total_seconds(),
        limits=StoreLimits(worker.block_cache_bytes, worker.write_buffer_bytes),
    )
    telemetry = Telemetry(metrics, health.of(name), name)
    make_step = _ingest(settings, telemetry) if name == INGEST else _correlate(settings, telemetry)
    runtime = Runtime(config, make_step, telemetry)
    engine = create_engine(
        runtime,
        partitions=settings.partitions,
        session_timeout=worker.session_timeout.total_seconds(),
        heartbeat_interval=worker.heartbeat_interval.total_seconds(),
        rebalance_timeout=worker.rebalance_timeout.total_seconds(),
        standby_replicas=worker.standby_replicas,
        instance_id=worker.instance_id,
        faust_dir=settings.data_dir / ("faust" if name == INGEST else f"faust-{name}"),
    )
    return Agent(name, engine, runtime)


def _ingest(settings: Settings, telemetry: Telemetry) -> StepFactory:
    alert_periods, policies = periods(settings), defaults(settings)

    def make_step(partition: int, store: RowStore, sharers: int) -> IngestStep:
        return IngestStep(
            store,
            topic=RAW_TOPIC,
            partition=partition,
            partitions=settings.partitions,
            periods=alert_periods,
            capacity=settings.worker.cache_entries,
            sharers=sharers,
            wall_clock=settings.ingest.clock == "wall",
            defaults=policies,
            on_report=telemetry.counted,
        )

    return make_step


def _correlate(settings: Settings, telemetry: Telemetry) -> StepFactory:
    def make_step(partition: int, store: RowStore, sharers: int) -> CorrelateStep:
        return CorrelateStep(
            store,
            partition=partition,
            partitions=settings.partitions,
            settings=CorrelationSettings(),
            on_report=telemetry.correlated,
        )

    return make_step


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
