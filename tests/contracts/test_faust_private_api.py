"""What pipeline/stream overrides and touches of Faust, mode and aiokafka is as it was when it was read.

A failure here means that an upgrade changed a method that this project replaces, or calls although it is
private. Read the new version of it, then what the message names, and only then write the new hash down.
"""

from __future__ import annotations

import hashlib
import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import aiokafka
import faust
import mode
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, conn
from aiokafka.consumer import fetcher, subscription_state
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.producer.transaction_manager import TransactionManager
from faust.app.base import BootStrategy
from faust.stores.base import Store
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.conductor import Conductor, ConductorCompiler
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage, Message
from mode.threads import QueueServiceThread, ServiceThread, WorkerThread

from pipeline.stream import engine, fetching, recovery, same_loop, table, transport
from tests.record_batches import built

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
# What its tests are written against; a version that is only "at least" would make this file lie.
PINNED = ("faust-streaming", "mode-streaming", "aiokafka", "rocksdict")


class Contract(NamedTuple):
    """One method: its parameters, the hash of its source where its inside matters, and what depends on it."""

    owner: Any
    name: str
    parameters: str
    source: str | None
    read_again: str


CONTRACTS = [
    # -- the consumer
    Contract(
        driver.Consumer,
        "_drain_messages",
        "self fetcher",
        "d29d37519f2ddf3a",
        "transport.BatchConsumer._drain_messages: generations, flow control and the order of checks",
    ),
    Contract(
        driver.Consumer,
        "_wait_next_records",
        "self timeout",
        "920120740535d0bc",
        "transport.BatchConsumer._drain_messages: what is returned while no flow is active, and for which partitions",
    ),
    Contract(
        driver.Consumer,
        "perform_seek",
        "self",
        "5358eac6c2120a50",
        "transport.BatchConsumer.perform_seek, which seeks once more after this one",
    ),
    Contract(
        driver.Consumer,
        "wait_empty",
        "self",
        "947ed175bfcf1d50",
        "transport.BatchConsumer.wait_empty, which takes its place: who calls it, and what it must have done then",
    ),
    Contract(
        driver.Consumer,
        "_new_offset",
        "self tp",
        "43262143bdacdcc6",
        "transport.BatchConsumer._new_offset, which takes its place: what None means to the commit",
    ),
    Contract(
        driver.Consumer,
        "_filter_tps_with_pending_acks",
        "self topics",
        "7b5e9b3c9f1b8056",
        "transport.BatchConsumer._filter_tps_with_pending_acks, which takes its place",
    ),
    Contract(
        driver.Consumer,
        "on_partitions_revoked",
        "self revoked",
        "c8ac3e4a2d70fd15",
        "transport.BatchConsumer.wait_empty: it must still be called, and commit, before a partition is given back",
    ),
    Contract(
        driver.Consumer,
        "_commit_tps",
        "self tps start_new_transaction",
        "8605b6fd67d90024",
        "transport.BatchConsumer._new_offset: which partitions are committed, and what happens after it",
    ),
    Contract(
        driver.Consumer,
        "_commit_offsets",
        "self offsets start_new_transaction",
        "469ed514dff09b09",
        "transport.BatchConsumer._new_offset: which offsets are thrown away before they are committed",
    ),
    Contract(
        driver.Consumer, "commit", "self topics start_new_transaction", None, "transport.BatchConsumer.wait_empty"
    ),
    Contract(driver.Consumer, "_new_consumer_thread", "self", None, "transport.BatchConsumer._new_consumer_thread"),
    Contract(driver.Consumer, "assignment", "self", None, "transport.BatchConsumer.perform_seek"),
    # -- the consumer's thread
    Contract(
        driver.AIOKafkaConsumerThread,
        "_create_worker_consumer",
        "self transport",
        "df784c24f01ee3a8",
        "transport.BatchConsumerThread._create_worker_consumer: settings that were added, and `_assignor`",
    ),
    Contract(
        driver.AIOKafkaConsumerThread,
        "verify_event_path",
        "self now tp",
        None,
        "transport.BatchConsumerThread.verify_event_path, which does nothing: see pipeline/health.py",
    ),
    Contract(
        driver.AIOKafkaConsumerThread,
        "seek_wait",
        "self partitions",
        "5500b29ac74a8301",
        "transport.BatchConsumer.perform_seek",
    ),
    Contract(
        driver.AIOKafkaConsumerThread, "highwaters", "self partitions", None, "transport.BatchConsumer.perform_seek"
    ),
    # -- the thread that it has with Faust, and not here
    Contract(
        ServiceThread,
        "__init__",
        "self executor loop thread_loop Worker kwargs",
        "e3c83a2dd0ff27d0",
        "same_loop.SameLoopService.__init__",
    ),
    Contract(
        ServiceThread,
        "start",
        "self",
        "e75718b2546dac08",
        "same_loop.NoThread.start, which is called instead of a thread's",
    ),
    Contract(
        ServiceThread, "_start_thread", "self", "4e1c14cc6f27e2c5", "same_loop.NoThread.start, which takes its place"
    ),
    Contract(
        ServiceThread,
        "_serve",
        "self",
        "eec694d5cfec5add",
        "same_loop.NoThread: what is served, and what is cleaned up after it",
    ),
    Contract(ServiceThread, "stop", "self", "3c133a69939b7eba", "same_loop.SameLoopService.stop, which waits after it"),
    Contract(
        ServiceThread,
        "_shutdown_thread",
        "self",
        "ca4662366a9c9364",
        "same_loop.NoThread.over: what is still to come then",
    ),
    Contract(
        ServiceThread,
        "_gather_remaining_tasks",
        "self",
        "74514febf7baaaab",
        "same_loop.SameLoopService._gather_remaining_tasks, which takes its place",
    ),
    Contract(
        QueueServiceThread,
        "on_thread_started",
        "self",
        "478281dbe7feb9e6",
        "same_loop.SameLoopService.on_thread_started, which takes its place",
    ),
    Contract(
        QueueServiceThread,
        "call_thread",
        "self fun args kwargs",
        "2946b7e459bd1ea1",
        "same_loop.SameLoopService.call_thread, which takes its place",
    ),
    Contract(WorkerThread, "stop", "self", "e9b273ada961a2eb", "same_loop.NoThread.stop, which takes its place"),
    # -- Faust's own producer
    Contract(
        driver.Producer, "_settings_default", "self", "843824f5e6d5b989", "transport.SecureProducer._settings_default"
    ),
    Contract(driver.Producer, "_settings_auth", "self", None, "transport.SecureProducer._settings_auth"),
    # -- topics, streams and their agent
    Contract(
        faust.Topic,
        "_compile_decode",
        "self",
        "70a85cbb5fc36ff9",
        "transport.BatchTopic._compile_decode: who calls `decode`, and with what",
    ),
    Contract(
        Message,
        "__init__",
        "self topic partition offset timestamp timestamp_type headers key value checksum serialized_key_size "
        "serialized_value_size tp time_in time_out time_total generation_id",
        None,
        "transport.BatchMessage.__init__, which gives all of these by position",
    ),
    # -- tables and their recovery
    Contract(
        TableManager,
        "on_start",
        "self",
        "9e2be42081c12677",
        "recovery.BatchTableManager.sleep: it skips the one sleep in here, and there must be no other",
    ),
    Contract(TableManager, "on_standbys_ready", "self", None, "recovery.BatchRecovery._slurp_changelogs"),
    Contract(
        Recovery,
        "_slurp_changelogs",
        "self",
        "6f289a0225f88390",
        "recovery.BatchRecovery._slurp_changelogs, which takes its place: everything else that it does besides reading",
    ),
    Contract(
        Recovery,
        "_restart_recovery",
        "self",
        "2bc1989fda0e00fd",
        "recovery.BatchRecovery: which signals it waits for, in which order, and where it seeks",
    ),
    Contract(
        Recovery, "_set_recovery_started", "self", "913d066373488a62", "recovery.BatchRecovery._set_recovery_started"
    ),
    Contract(
        Recovery,
        "_set_recovery_ended",
        "self",
        "c6cf6e327d191608",
        "recovery.BatchRecovery._slurp_changelogs, which calls it",
    ),
    Contract(
        Recovery,
        "need_recovery",
        "self",
        "ff90bf8cd0b91b93",
        "recovery.BatchRecovery._slurp_changelogs: what is still to be read",
    ),
    Contract(
        Recovery,
        "active_remaining_total",
        "self",
        "f9b67de012361b01",
        "recovery.BatchRecovery.restored_to: offsets are those of the last record, highwaters one less than the next",
    ),
    Contract(
        Recovery,
        "standby_remaining_total",
        "self",
        "0a6612a9ab1afd6f",
        "recovery.BatchRecovery.restored_to, as for actives",
    ),
    Contract(faust.Table, "_new_store", "self", None, "table.RuntimeTable._new_store"),
    Contract(Store, "persisted_offset", "self tp", None, "table.RuntimeStore.persisted_offset"),
    Contract(
        Store,
        "on_rebalance",
        "self assigned revoked newly_assigned generation_id",
        None,
        "table.RuntimeStore.on_rebalance",
    ),
    Contract(Store, "on_recovery_completed", "self active_tps standby_tps", None, "table.RuntimeStore"),
    Contract(Store, "need_active_standby_for", "self tp", None, "table.RuntimeStore.need_active_standby_for"),
    Contract(Store, "apply_changelog_batch", "self batch to_key to_value", None, "table.RuntimeStore"),
    Contract(Store, "reset_state", "self", None, "table.RuntimeStore.reset_state"),
    # -- the application
    Contract(
        faust.App,
        "on_init_dependencies",
        "self",
        "b3562618f2d2f33c",
        "engine.EngineApp.on_init_dependencies, which takes the monitor out that this one adds",
    ),
    Contract(faust.App, "_new_transport", "self", None, "engine.EngineApp._new_transport"),
    Contract(faust.App, "_new_producer_transport", "self", None, "engine.EngineApp._new_producer_transport"),
    # -- aiokafka: reading
    Contract(
        fetcher.PartitionRecords,
        "_unpack_records",
        "self",
        "5f8fc80fec92c638",
        "fetching.PlainRecords._unpack_records, which follows it line by line",
    ),
    Contract(
        fetcher.PartitionRecords,
        "__next__",
        "self",
        "95918ec2a854d243",
        "fetching.PlainRecords: how what is unpacked is handed over",
    ),
    Contract(
        fetcher.PartitionRecords,
        "_consume_aborted_up_to",
        "self batch_offset",
        "568e974a58f22f20",
        "fetching.PlainRecords",
    ),
    Contract(
        fetcher.PartitionRecords,
        "_contains_abort_marker",
        "self next_batch",
        "31324db5d079222a",
        "fetching.PlainRecords",
    ),
    Contract(
        fetcher.FetchResult,
        "getall",
        "self max_records",
        "ef8aa0dfa5721fce",
        "fetching.PlainResult, which asks for the position before; fetching.PlainRecords: how the position moves",
    ),
    Contract(
        fetcher.Fetcher,
        "_proc_fetch_request",
        "self assignment node_id request",
        "b4960a8221f7bc0c",
        "fetching.fetch_plain_records and transport.BatchConsumerThread.fetch_state: `PartitionRecords` is looked up "
        "in its module, and position, highwater and timestamp of a partition are set from one answer",
    ),
    Contract(
        subscription_state.Assignment, "state_value", "self tp", None, "transport.BatchConsumerThread.fetch_state"
    ),
    # -- aiokafka: writing
    Contract(
        AIOKafkaProducer,
        "create_batch",
        "self",
        "ce4b03faaebee3a5",
        "producing.BatchProducer.send_rows: batches are built by hand",
    ),
    Contract(
        AIOKafkaProducer,
        "send_batch",
        "self batch topic partition",
        "d9fe29eae4a50ba2",
        "producing.BatchProducer.send_rows: transactions, and the future of a batch",
    ),
    Contract(
        BatchBuilder,
        "append",
        "self timestamp key value headers",
        "45522999af2258e7",
        "producing.BatchProducer.send_rows: None means that the batch is full",
    ),
    Contract(BatchBuilder, "close", "self", None, "producing.BatchProducer.send_rows"),
    Contract(
        TransactionManager,
        "maybe_add_partition_to_txn",
        "self tp",
        "836f89c417de98d6",
        "producing.BatchProducer.begin: partitions are named before anything is sent to them",
    ),
    Contract(
        fetcher.Fetcher,
        "_get_actions_per_node",
        "self assignment",
        "dc7323e35fa37ccd",
        "transport.BatchConsumerThread.pace: how a fetch is to be answered is looked up for each",
    ),
    Contract(
        ConductorCompiler,
        "build",
        "self conductor tp channels",
        "a75956c797aaadab",
        "transport.BatchConsumer._put: a chunk for which there is room is queued without waiting",
    ),
    Contract(AIOKafkaProducer, "send_offsets_to_transaction", "self offsets group_id", None, "producing.BatchProducer"),
]


def function_of(contract: Contract) -> Any:
    """Return the function, also where mode wraps it into a task or a property."""
    found = inspect.getattr_static(contract.owner, contract.name, None)
    assert found is not None, f"{contract.owner.__name__}.{contract.name} is gone. Read again: {contract.read_again}"
    found = getattr(found, "fun", found)  # mode's @Service.task
    return getattr(found, "__wrapped__", getattr(found, "__func__", found))


def hash_of(function: Any) -> str:
    """Return a short hash of the source, without its indentation."""
    return hashlib.sha256(inspect.cleandoc(inspect.getsource(function)).encode()).hexdigest()[:16]


def label(contract: Contract) -> str:
    return f"{contract.owner.__name__}.{contract.name}"


@pytest.mark.parametrize("name", PINNED)
def test_the_installed_version_is_the_one_that_is_pinned(name: str) -> None:
    dependencies = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    [pinned] = [line for line in dependencies if line.startswith(f"{name}==")]
    assert version(name) == pinned.removeprefix(f"{name}=="), (
        f"pyproject.toml pins {pinned}, installed is {version(name)}: run `make setup`, or read pipeline/stream again"
    )


@pytest.mark.parametrize("contract", CONTRACTS, ids=label)
def test_a_method_takes_what_it_took(contract: Contract) -> None:
    parameters = " ".join(inspect.signature(function_of(contract)).parameters)
    assert parameters == contract.parameters, f"{label(contract)} changed. Read again: {contract.read_again}"


@pytest.mark.parametrize("contract", [one for one in CONTRACTS if one.source], ids=label)
def test_a_method_does_what_it_did(contract: Contract) -> None:
    assert hash_of(function_of(contract)) == contract.source, (
        f"The source of {label(contract)} changed. Read it, then {contract.read_again}; then write the new hash here."
    )


OVERRIDES = [
    (transport.BatchConsumer, driver.Consumer, {"handed_over"}),
    (transport.BatchConsumerThread, driver.AIOKafkaConsumerThread, {"fetch_state"}),
    (same_loop.SameLoopService, QueueServiceThread, set()),
    (transport.BatchTopic, faust.Topic, set()),
    (transport.BatchMessage, ConsumerMessage, set()),
    (transport.SecureProducer, driver.Producer, set()),
    (transport.BatchTransport, driver.Transport, set()),
    (recovery.BatchRecovery, Recovery, {"restored_to"}),
    (recovery.BatchTableManager, TableManager, set()),
    (table.RuntimeStore, Store, set()),
    (table.RuntimeTable, faust.Table, set()),
    (engine.EngineApp, faust.App, set()),
    (engine._Boot, BootStrategy, set()),
    (fetching.PlainRecords, fetcher.PartitionRecords, set()),
    (fetching.PlainResult, fetcher.FetchResult, set()),
]
# New methods of ours, which must not come to mean something in a later version of the base class either.
OWN = {
    "BatchConsumer": {
        *(
            "handed_over",
            "_note_positions",
            "_restore",
            "_hand_over",
            "_is_sought",
            "_is_waiting",
            "_place",
            "_put",
            "_seek_again",
            "_seek_inputs",
            "_until_taken",
        )
    },
    "BatchConsumerThread": {"fetch_state", "pace"},
    "BatchRecovery": {"restored_to"},
    "PlainRecords": {"_wanted"},
}


@pytest.mark.parametrize(("ours", "theirs", "_"), OVERRIDES, ids=lambda value: getattr(value, "__name__", ""))
def test_every_method_of_a_subclass_overrides_one_or_is_known_as_our_own(ours: type, theirs: type, _: set[str]) -> None:
    written = {
        name for name, value in vars(ours).items() if callable(value) or isinstance(value, property | classmethod)
    }
    written = {name for name in written if not name.startswith("__")} | {
        name for name, value in vars(ours).items() if type(value).__module__.startswith("mode")
    }
    written -= {"logger", "log", "Diag", "_abc_impl"}
    own = OWN.get(ours.__name__, set())
    assert {name for name in written if not hasattr(theirs, name)} == own & written
    assert own <= written
    assert not any(hasattr(theirs, name) for name in own), "the base class has a method of this name now"


PACKAGES = {"faust", "mode", "aiokafka"}


@pytest.mark.parametrize(
    ("owner", "attributes"),
    [
        (
            driver.Consumer,
            "_read_offset _acked _acked_index _unacked_messages _buffered_partitions _active_partitions callback "
            "flow_active suspend_flow consumer_stopped_errors _committed_offset",
        ),
        (driver.AIOKafkaConsumerThread, "_consumer _assignor"),
        (
            Recovery,
            "active_tps active_offsets active_highwaters standby_tps standby_offsets signal_recovery_end tables",
        ),
        (TableManager, "_recovery standbys_ready"),
        (Conductor, "_tp_index"),
        (AIOKafkaConsumer, "_subscription _fetcher"),
        (AIOKafkaProducer, "_txn_manager"),
        (
            fetcher.PartitionRecords,
            "_records _check_crcs _tp _isolation_level _aborted_producers next_fetch_offset",
        ),
        (subscription_state.TopicPartitionState, "_position highwater timestamp"),
        (mode.Service, "_stopped _crashed"),
        (ServiceThread, "_thread Worker"),
        (faust.App, "conf tables assignor consumer_generation_id sensors monitor"),
    ],
)
def test_every_attribute_that_is_touched_is_there(owner: Any, attributes: str) -> None:
    source = "\n".join(inspect.getsource(one) for one in owner.__mro__ if one.__module__.split(".")[0] in PACKAGES)
    annotated = {name for one in owner.__mro__ for name in vars(one).get("__annotations__", {})}
    for name in attributes.split():
        found = hasattr(owner, name) or name in annotated or f"self.{name} " in source or f"self.{name}:" in source
        assert found, f"{owner.__name__}.{name} is gone. Read again what in pipeline/stream uses it."


def test_a_fetched_record_has_the_fields_that_the_step_reads() -> None:
    builder = aiokafka.record.default_records.DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=999,
    )
    builder.append(0, 1_700_000_000_000, b"key", b"value", [("name", b"text")])
    [batch] = [aiokafka.record.memory_records.MemoryRecords(bytes(builder.build())).next_batch()]
    [record] = list(batch)
    assert (record.offset, record.timestamp, record.key, record.value) == (0, 1_700_000_000_000, b"key", b"value")
    assert list(record.headers) == [("name", b"text")]
    for name in ("producer_id", "is_control_batch", "is_transactional", "base_offset", "next_offset", "validate_crc"):
        assert hasattr(batch, name)


@pytest.mark.parametrize("wanted_from", [0, 1, 2])
def test_a_header_s_name_that_is_not_utf_8_stops_no_partition(wanted_from: int) -> None:
    odd = built((b"one", "fine"), (b"two", "odd!"), (b"three", "fine")).replace(b"odd!", b"\xff\xfed!")
    records = fetching.PlainRecords(
        aiokafka.TopicPartition("alerts.raw", 0),
        fetching.KeptRecords(odd),
        None,
        wanted_from,
        None,
        None,
        False,
        fetcher.READ_COMMITTED,
    )
    read = [(record.offset, record.value, list(record.headers)) for record in records._unpack_records()]
    assert (
        read
        == [
            (0, b"one", [("fine", b"text")]),
            (1, b"two", [("\ufffd\ufffdd!", b"text")]),
            (2, b"three", [("fine", b"text")]),
        ][wanted_from:]
    )
    assert records.next_fetch_offset == 3


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4])
def test_the_reader_in_python_reads_every_compression_and_every_batch(compression: int) -> None:
    data = built((b"one", "a")) + built((b"two", "b"), (b"three", "c"), compression=compression)
    assert [record.value for record in fetching.read_leniently(data, 1)] == [b"two", b"three"]


def test_a_batch_is_built_as_the_producer_builds_it() -> None:
    batch = BatchBuilder(9999, 0)
    assert batch._builder.append(0, 1_700_000_000_000, b"key", b"value", []) is not None
    batch._relative_offset = 1
    batch.close()
    assert (batch.record_count(), batch.closed()) == (1, True)
    assert BatchBuilder(10, 0)._builder.append(0, 1, b"key", b"v" * 5000, []) is not None  # the first always fits


def test_what_is_replaced_in_aiokafka_s_modules_is_still_looked_up_there() -> None:
    assert "PartitionRecords(" in inspect.getsource(fetcher.Fetcher._proc_fetch_request)
    assert "FetchResult(" in inspect.getsource(fetcher.Fetcher._proc_fetch_request)
    assert "is FetchResult" in inspect.getsource(fetcher.Fetcher.fetched_records)
    assert " MemoryRecords(" in inspect.getsource(fetcher.Fetcher._proc_fetch_request)
    assert "READER_LIMIT" in inspect.getsource(conn.AIOKafkaConnection)
    assert hasattr(fetcher.Errors, "CorruptRecordException")
    assert hasattr(fetcher, "READ_COMMITTED")


def test_the_transport_takes_its_classes_from_class_variables() -> None:
    source = inspect.getsource(inspect.getmodule(driver.Transport.__mro__[1]))  # type: ignore[arg-type]
    assert "self.Consumer(" in source
    assert "self.Producer(" in source
