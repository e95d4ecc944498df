"""The composition root: everything is built here, from settings, and nothing is built on import."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from agents.ingest import RAW_TOPIC, IngestStep
from agents.suppress.defaults import Defaults
from pipeline.domain.alert import Periods
from pipeline.health import HealthState
from pipeline.metrics import Metrics
from pipeline.schemas.outputs import CONTROL_TOPIC
from pipeline.stream.engine import create_engine
from pipeline.stream.runtime import Runtime, RuntimeConfig
from pipeline.stream.store import StoreLimits
from pipeline.telemetry import Telemetry
from pipeline.version import VERSION

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.stream.engine import EngineApp
    from tables.store import RowStore

INGEST = "ingest"


@dataclass(frozen=True, slots=True)
class App:
    """One worker, built and not yet started."""

    engine: EngineApp
    runtime: Runtime
    health: HealthState
    registry: CollectorRegistry


def changelog_topic(settings: Settings, agent: str = INGEST) -> str:
    """Return the name of an agent's changelog topic, as Faust names it."""
    return f"{settings.group}-{agent}-changelog"


def periods(settings: Settings) -> Periods:
    """Return the periods of an alert's life from the settings."""
    ingest = settings.ingest
    return Periods(
        digest=_ms(ingest.digest_interval),
        resolve=_ms(ingest.resolve_timeout),
        reopen=_ms(ingest.reopen_window),
        delivery=_ms(ingest.delivery_window),
        skew=_ms(ingest.max_future_skew),
    )


def defaults(settings: Settings) -> Defaults:
    """Return the policies of tenants that wrote none."""
    return Defaults() if settings.suppression.adaptive else Defaults.switched_off()


def create_app(settings: Settings) -> App:
    """Return a worker that runs the ingest agent."""
    registry = CollectorRegistry()
    health = HealthState(settings.worker.stall_timeout.total_seconds())
    metrics = Metrics(registry, version=VERSION, tenant_label_limit=settings.metrics.tenant_label_limit)
    telemetry = Telemetry(metrics, health)
    worker = settings.worker
    exactly_once = settings.processing_guarantee == "exactly_once"
    wall_clock = settings.ingest.clock == "wall"
    config = RuntimeConfig(
        agent=INGEST,
        group=settings.group,
        input_topic=RAW_TOPIC,
        control_topic=CONTROL_TOPIC,
        changelog_topic=changelog_topic(settings),
        data_dir=settings.data_dir,
        connection=settings.connection(),
        exactly_once=exactly_once,
        interval=(worker.commit_interval if exactly_once else worker.checkpoint_interval).total_seconds(),
        wall_clock=wall_clock,
        max_batch=worker.max_batch,
        request_timeout=worker.request_timeout.total_seconds(),
        shutdown_timeout=worker.shutdown_timeout.total_seconds(),
        limits=StoreLimits(worker.block_cache_bytes, worker.write_buffer_bytes),
    )
    alert_periods, policies = periods(settings), defaults(settings)

    def make_step(partition: int, store: RowStore, sharers: int) -> IngestStep:
        return IngestStep(
            store,
            topic=RAW_TOPIC,
            partition=partition,
            partitions=settings.partitions,
            periods=alert_periods,
            capacity=worker.cache_entries,
            sharers=sharers,
            wall_clock=wall_clock,
            defaults=policies,
            on_report=telemetry.counted,
        )

    runtime = Runtime(config, make_step, telemetry)
    engine = create_engine(
        runtime,
        partitions=settings.partitions,
        session_timeout=worker.session_timeout.total_seconds(),
        heartbeat_interval=worker.heartbeat_interval.total_seconds(),
        rebalance_timeout=worker.rebalance_timeout.total_seconds(),
        standby_replicas=worker.standby_replicas,
        instance_id=worker.instance_id,
        data_dir=settings.data_dir,
    )
    return App(engine, runtime, health, registry)


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
