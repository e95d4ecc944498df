"""The Faust application around one runtime."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import faust
from faust.app.base import BootStrategy
from mode.utils.queues import FlowControlEvent

from pipeline.stream.recovery import BatchTableManager
from pipeline.stream.table import RuntimeTable
from pipeline.stream.transport import BatchTopic, BatchTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable
    from pathlib import Path

    from faust.types.transports import TransportT
    from faust.types.tuples import TP
    from mode.types import ServiceT

    from pipeline.stream.runtime import Runtime
    from pipeline.stream.transport import BatchMessage

# Batches of all partitions that may wait in the queue. They bound memory; more than one fetch brings for each
# partition must fit, for a partition whose batches do not is left out of the next fetch.
_QUEUED_BATCHES = 64
_FOR_EVER_S = 2_147_483.0  # the longest that the protocol can say in milliseconds
_FETCH_BYTES = 4 << 20


class _Boot(BootStrategy):
    """What Faust starts: its web server is not part of it."""

    enable_web = False


class _LosslessFlow(FlowControlEvent):
    """Flow control that keeps what is queued when the flow resumes.

    Faust's own empties every stream's queue then. At the end of a recovery the fetcher has been running for a while,
    so the first chunks of the input would be gone, and the fetcher past them. What is left of an assignment that is
    over is told by its generation instead.
    """

    def resume(self) -> None:
        """Let producers into the queues go on."""
        self._suspend.clear()
        self._resume.set()


class EngineApp(faust.App):
    """A Faust app whose only source of records, state and progress is the runtime."""

    BootStrategy = _Boot
    _rebalancing = False

    def __init__(self, *args: Any, feed: Runtime, **kwargs: Any) -> None:
        self.feed = feed
        super().__init__(*args, **kwargs)

    @property
    def rebalancing(self) -> bool:
        """Return whether the group is being rebalanced, as far as this worker still takes part in it.

        While it is, Faust starts again what is cancelled: a worker told to stop just then would never end.
        """
        return self._rebalancing and not self.should_stop

    @rebalancing.setter
    def rebalancing(self, value: bool) -> None:
        self._rebalancing = value

    @cached_property
    def flow_control(self) -> FlowControlEvent:
        """Return the flow control of all streams."""
        return _LosslessFlow(loop=self.loop)

    def on_init_dependencies(self) -> Iterable[ServiceT]:
        """Return what starts with the app. Its own counters of every event are nobody's: see pipeline/telemetry.py."""
        services = super().on_init_dependencies()
        self.sensors.remove(self.monitor)
        return services

    def _new_transport(self) -> TransportT:
        return BatchTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> TransportT:
        return BatchTransport(self.conf.broker_producer, self)


def create_engine(
    runtime: Runtime,
    *,
    partitions: int,
    session_timeout: float,
    heartbeat_interval: float,
    rebalance_timeout: float,
    standby_replicas: int,
    instance_id: str | None,
    faust_dir: Path,
) -> EngineApp:
    """Return the app that feeds `runtime`, not yet started."""
    config = runtime.config
    app = EngineApp(
        config.group,
        feed=runtime,
        broker=[f"kafka://{server}" for server in config.connection.servers],
        datadir=str(faust_dir),
        store="memory://",
        TableManager=BatchTableManager,
        topic_partitions=partitions,
        # Topics are created by `core-alerts topics create`, with settings that Faust does not know of.
        topic_allow_declare=False,
        topic_disable_leader=True,
        key_serializer="raw",
        value_serializer="raw",
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
        stream_buffer_maxsize=_QUEUED_BATCHES,
        consumer_max_fetch_size=_FETCH_BYTES,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=instance_id,
        broker_session_timeout=session_timeout,
        broker_heartbeat_interval=heartbeat_interval,
        broker_rebalance_timeout=rebalance_timeout,
        broker_request_timeout=max(config.request_timeout, session_timeout),
        # A worker that has nothing to fetch is no reason to leave the group; health.py sees those that hang.
        broker_max_poll_interval=_FOR_EVER_S,
        broker_commit_interval=1.0,
        producer_request_timeout=config.request_timeout,
        table_standby_replicas=standby_replicas,
        web_enabled=False,
        autodiscover=False,
        monitor=None,
    )
    table = RuntimeTable(
        app,
        name=config.agent,
        partitions=partitions,
        key_type=bytes,
        value_type=bytes,
        help=f"state of the {config.agent} agent",
    )
    app.tables.add(table)
    source = BatchTopic(
        app,
        topics=[config.input_topic],
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        maxsize=_QUEUED_BATCHES,
    )

    @app.agent(source, name=config.agent)
    async def process(stream: AsyncIterable[BatchMessage]) -> None:
        async for batch in stream:
            await runtime.handle(batch)

    runtime.generation = lambda: int(app.consumer_generation_id)
    runtime.leaving = lambda: bool(app.should_stop)

    def restored_to(tp: TP, position: int) -> None:
        app.tables.recovery.restored_to(tp, position)

    runtime.restored_to = restored_to
    return app
