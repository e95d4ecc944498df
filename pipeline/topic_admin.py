"""What operators do with topics: create them, check them, look at them, and see how far behind a group is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import RetriableError

from pipeline.domain.errors import ConfigurationError
from pipeline.kafka_admin import connected_admin
from pipeline.topics import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kafka import KafkaAdminClient

    from pipeline.kafka_connection import KafkaConnection
    from pipeline.topics import Topic

_RETRY_FOR_S = 15.0
_RETRY_EVERY_S = 0.2
_ALREADY_EXISTS = 36  # TOPIC_ALREADY_EXISTS in Kafka's protocol
_NO_ERROR = 0
# From three copies on, a write counts only when two have it: losing one broker then loses nothing that was accepted.
_COPIES_FOR_TWO_IN_SYNC = 3


@dataclass(frozen=True, slots=True)
class TopicOutcome:
    """What `create_topics` did about one topic."""

    name: str
    created: bool
    """False: it was there already, with the right partition count."""
    partitions: int


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """One topic as it is on the broker; `partitions` is 0 where it does not exist."""

    name: str
    partitions: int
    replicas: int
    configs: Mapping[str, str]
    """What was set for this topic; everything else is the broker's default."""
    differs: Mapping[str, tuple[str | None, str]]
    """Settings that are not as the catalogue has them: name → (found, wanted)."""


@dataclass(frozen=True, slots=True)
class LagRow:
    """How far a group is behind in one partition, in records."""

    topic: str
    partition: int
    committed: int | None
    """The next offset it will read; None where it never committed, and then everything there is counts as lag."""
    end: int
    lag: int


def create_topics(
    connection: KafkaConnection,
    partitions: int,
    replication_factor: int,
    *,
    topics: Sequence[Topic] = CATALOGUE,
    extra: Sequence[Topic] = (),
) -> list[TopicOutcome]:
    """Create the topics that are missing, wait until they can be used, and say which ones those were.

    Raises ConfigurationError where a topic exists with another partition count, or Kafka refuses a setting.
    """
    wanted = [*topics, *extra]
    requests = {topic.name: _request(topic, partitions, replication_factor) for topic in wanted}
    with connected_admin(connection) as admin:
        there = {name: count for name, count in _partition_counts(admin, requests).items() if count}
        _check(there, there, partitions)  # before anything is created beside what does not fit
        answers = {one["name"]: one for one in admin.create_topics(requests, raise_errors=False)["topics"]}
        for name, answer in answers.items():
            if answer["error_code"] not in {_NO_ERROR, _ALREADY_EXISTS}:
                message = (
                    f"Kafka refused to create topic {name}: {answer['error_message']} "
                    f"(error {answer['error_code']}). Check the partition and replica counts and the user's rights."
                )
                raise ConfigurationError(message)
        admin.wait_for_topics(list(requests))
        _check(_partition_counts(admin, requests), requests, partitions)
    return [TopicOutcome(name, answers[name]["error_code"] == _NO_ERROR, partitions) for name in requests]


def check_partitions(connection: KafkaConnection, partitions: int, topics: Sequence[Topic] = CATALOGUE) -> None:
    """Raise ConfigurationError unless every topic exists with this many partitions."""
    names = [topic.name for topic in topics]
    with connected_admin(connection) as admin:
        _check(_partition_counts(admin, names), names, partitions)


def describe(connection: KafkaConnection, topics: Sequence[Topic] = CATALOGUE) -> list[TopicDescription]:
    """Return each topic as it is on the broker, in the order given."""
    with connected_admin(connection) as admin:
        metadata = {one["name"]: one for one in admin.describe_topics([topic.name for topic in topics])}
        found = [topic.name for topic in topics if metadata[topic.name]["error_code"] == _NO_ERROR]
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in found]
        configs = admin.describe_configs(resources, config_filter="all")["topic"] if resources else {}
    return [_description(topic, metadata[topic.name]["partitions"], configs.get(topic.name, {})) for topic in topics]


def lag(connection: KafkaConnection, group: str, topics: Iterable[str] = ()) -> list[LagRow]:
    """Return how far `group` is behind, by topic and partition.

    Counted are the topics it has committed in, and `topics` whether it has or not; those that do not exist
    are left out.
    """
    with connected_admin(connection) as admin:
        committed = _retried(lambda: admin.list_group_offsets([group]))[group]
        names = sorted({*topics, *(one.topic for one in committed)})
        counts = _partition_counts(admin, names) if names else {}
        places = [TopicPartition(name, index) for name in names for index in range(counts[name])]
        ends = _offsets(admin, places, OffsetSpec.LATEST)
        begins = _offsets(admin, places, OffsetSpec.EARLIEST)
    rows = []
    for place in places:
        known = committed.get(place)
        offset = known.offset if known is not None and known.offset >= 0 else None
        behind = ends[place] - (begins[place] if offset is None else offset)
        rows.append(LagRow(place.topic, place.partition, offset, ends[place], max(0, behind)))
    return rows


def _request(topic: Topic, partitions: int, replication_factor: int) -> dict[str, Any]:
    configs = topic.configs()
    if replication_factor >= _COPIES_FOR_TWO_IN_SYNC:
        configs["min.insync.replicas"] = "2"
    return {"num_partitions": partitions, "replication_factor": replication_factor, "configs": configs}


def _partition_counts(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, int]:
    """Return how many partitions each topic has; 0 where it does not exist."""
    return {one["name"]: len(one["partitions"]) for one in admin.describe_topics(list(names))}


def _check(found: Mapping[str, int], names: Iterable[str], wanted: int) -> None:
    missing = [name for name in names if found[name] == 0]
    if missing:
        message = f"Kafka has no topic {', '.join(missing)}. Create what is missing with `core-alerts topics create`."
        raise ConfigurationError(message)
    wrong = [f"{name} has {found[name]}" for name in names if found[name] != wanted]
    if wrong:
        message = (
            f"Every topic must have {wanted} partitions, so that a tenant is in the same one everywhere, "
            f"but {', '.join(wrong)}. Set the partition count of the configuration to what the topics have, or delete "
            "the topics named here and run `core-alerts topics create` (this loses their records)."
        )
        raise ConfigurationError(message)


def _description(topic: Topic, partitions: Sequence[Any], configs: Mapping[str, Any]) -> TopicDescription:
    values = {name: str(config["value"]) for name, config in configs.items()}
    ours = {name: values[name] for name, one in configs.items() if one["config_source"] == "DYNAMIC_TOPIC_CONFIG"}
    wanted = topic.configs() if partitions else {}
    differs = {name: (values.get(name), value) for name, value in wanted.items() if values.get(name) != value}
    replicas = min((len(one["replica_nodes"]) for one in partitions), default=0)
    return TopicDescription(topic.name, len(partitions), replicas, ours, differs)


def _offsets(admin: KafkaAdminClient, places: Sequence[TopicPartition], spec: OffsetSpec) -> dict[TopicPartition, int]:
    if not places:
        return {}
    found = _retried(lambda: admin.list_partition_offsets(dict.fromkeys(places, spec)))
    return {place: one.offset for place, one in found.items()}


def _retried(ask: Callable[[], Any]) -> Any:
    """Return the answer; the coordinator and the leaders of a young cluster may need a moment before they have one."""
    deadline = time.monotonic() + _RETRY_FOR_S
    while True:
        try:
            return ask()
        except RetriableError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_EVERY_S)
