"""The whole step: records and time in, outputs and rows out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from pipeline.domain.change import Change
from pipeline.domain.fingerprint import fingerprint_of
from pipeline.domain.ids import id_from_record, id_from_timer
from pipeline.domain.partitioner import partition_of
from pipeline.domain.reasons import Rejection, Unchanged
from pipeline.domain.severity import Severity
from pipeline.domain.tally import Tally
from pipeline.schemas.records import read_origin
from tables import keys
from tables.progress import Progress, read_progress
from tables.store import DictStore
from tests.step_driver import (
    HOUR,
    MINUTE,
    SECOND,
    T0,
    Driver,
    Record,
    alert_json,
    body,
    changes,
    firing,
    header,
    make_step,
    process,
    resolved,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.ingest import IngestStep

# Of two partitions: whose records belong to which.
ON_0, ON_1 = "acme", "globex"


def test_the_tenants_of_these_tests_belong_where_they_say() -> None:
    assert [partition_of(tenant, 2) for tenant in (ON_0, ON_1)] == [0, 1]


# -- one alert


def test_a_first_firing_record_leaves_as_one_opened_alert_with_all_that_was_said() -> None:
    step = make_step()
    process(
        step,
        firing(
            41,
            T0,
            severity="P1",
            labels={"service": "checkout", "empty": ""},
            annotations={"summary": "CPU over 90 %"},
            starts_at="2023-11-14T22:00:00Z",
            source="prometheus",
            value=0.93,
            generator_url="http://p/g",
        ),
    )
    emitted = step.take_emitted()
    [output] = emitted.enriched
    fingerprint = fingerprint_of("HighCPU", {"service": "checkout"})
    output_id = id_from_record("acme", "alerts.raw", 0, 41, "opened")
    assert body(output) == {
        "id": output_id,
        "tenant_id": "acme",
        "fingerprint": fingerprint,
        "name": "HighCPU",
        "severity": "critical",
        "status": "firing",
        "change": "opened",
        "count": 1,
        "starts_at": "2023-11-14T22:00:00Z",
        "last_seen_at": "2023-11-14T22:13:20Z",
        "ends_at": None,
        "labels": {"service": "checkout"},
        "annotations": {"summary": "CPU over 90 %"},
        "source": "prometheus",
        "value": 0.93,
        "generator_url": "http://p/g",
        "verdict": "active",
        "suppressed_by": [],
        "scores": {},
        "decisions": [{"stage": "lifecycle", "verdict": "pass", "reason": "first_seen", "rule": None, "version": None}],
    }
    assert (output.key, output.timestamp, output.partition) == (b"acme", T0, 0)
    assert output.headers == [
        ("id", output_id.encode()),
        ("schema", b"alerts.enriched/1"),
        ("origin", b"alerts.raw/0/41"),
    ]
    assert not emitted.dead
    assert not emitted.forwarded
    assert step.next_offset == 42


def test_a_timer_tells_in_the_name_of_its_deadline() -> None:
    step = make_step()
    process(step, firing(0, T0 + 1, labels={"a": "1"}), firing(1, T0 + 2, labels={"a": "1"}))
    step.take_emitted()
    step.advance(T0 + HOUR)
    digest, expiry = step.take_emitted().enriched
    fingerprint = fingerprint_of("HighCPU", {"a": "1"})
    told_at, ended_at = T0 + 61 * SECOND, T0 + 2 + 5 * MINUTE  # a digest leaves at a whole second
    assert body(digest)["change"] == "repeated"
    assert digest.timestamp == told_at
    assert header(digest, "origin") == f"timer/0/{told_at}"
    assert header(digest, "id") == id_from_timer("acme", f"{fingerprint}/repeated/{T0 + 2}", told_at)
    assert body(expiry)["change"] == "expired"
    assert (body(expiry)["status"], body(expiry)["count"]) == ("resolved", 2)
    assert body(expiry)["ends_at"] == "2023-11-14T22:18:20.002000Z"
    assert body(expiry)["decisions"][0]["reason"] == "not_seen_again"
    assert expiry.timestamp == T0 + 301 * SECOND
    assert header(expiry, "origin") == f"timer/0/{ended_at}"
    assert header(expiry, "id") == id_from_timer("acme", f"{fingerprint}/expired/{T0 + 2}", ended_at)


def test_the_life_of_an_alert_is_told_in_order() -> None:
    step = make_step()
    process(
        step,
        firing(0, T0),
        firing(1, T0 + SECOND),
        firing(2, T0 + 61 * SECOND),
        firing(3, T0 + 62 * SECOND, severity="critical"),
        firing(4, T0 + 63 * SECOND, severity="info"),
        resolved(5, T0 + 64 * SECOND),
        firing(6, T0 + 65 * SECOND),
        Record(7, T0 + HOUR, None),  # only moves time
        firing(8, T0 + 2 * HOUR),
    )
    assert changes(step) == [
        ("opened", 1),
        ("repeated", 2),
        ("severity_raised", 4),
        ("severity_lowered", 5),
        ("resolved", 5),
        ("reopened", 1),
        ("expired", 1),
        ("opened", 1),
    ]


def test_a_record_without_a_timestamp_happens_at_the_time_of_its_partition() -> None:
    step = make_step()
    process(step, firing(0, T0, name="A"), firing(1, -1, name="B"))
    _, output = step.take_emitted().enriched
    assert body(output)["last_seen_at"] == "2023-11-14T22:13:20Z"
    assert step.progress.stream_ms == T0


def test_unknown_fields_leave_again_with_every_record_of_the_alert() -> None:
    step = make_step()
    process(step, firing(0, T0, team="db", extra={"truth": {"id": 7}}), firing(1, T0 + 1))
    step.advance(T0 + HOUR)
    assert [body(output)["extra"] for output in step.take_emitted().enriched] == [
        {"truth": {"id": 7}, "team": "db"}
    ] * 3


def test_a_digest_shows_the_sender_s_words_of_the_last_change() -> None:
    step = make_step()
    process(
        step,
        firing(0, T0, annotations={"summary": "first"}, value=1),
        firing(1, T0 + 1, annotations={"summary": "second"}, value=2),
    )
    step.advance(T0 + MINUTE)
    opened, digest = map(body, step.take_emitted().enriched)
    assert (opened["annotations"], opened["value"]) == ({"summary": "first"}, 1)
    assert (digest["annotations"], digest["value"]) == ({"summary": "first"}, 2)


def test_the_trace_of_the_record_that_caused_an_output_goes_with_it_and_other_headers_do_not() -> None:
    step = make_step()
    trace = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    process(step, Record(0, T0, alert_json(), (trace, ("secret", b"x"), ("id", b"theirs"))), firing(1, T0 + 1))
    step.advance(T0 + MINUTE)
    opened, digest = step.take_emitted().enriched
    assert [name for name, _ in opened.headers] == ["id", "schema", "origin", "traceparent"]
    assert opened.headers[-1] == trace
    assert [name for name, _ in digest.headers] == ["id", "schema", "origin"]


def test_a_sender_s_fingerprint_is_the_identity_and_the_newest_change_gives_the_name() -> None:
    step = make_step()
    process(
        step,
        firing(0, T0, name="Disk", labels={"a": "1"}, fingerprint="ticket-7"),
        firing(1, T0 + 1, name="Disk full", labels={"b": "2"}, fingerprint="ticket-7"),
        firing(2, T0 + 2, name="Disk full", labels={"b": "2"}, fingerprint="ticket-7", severity="critical"),
    )
    told = [
        (said["change"], said["fingerprint"], said["name"], said["labels"])
        for said in map(body, step.take_emitted().enriched)
    ]
    assert told == [
        ("opened", "ticket-7", "Disk", {"a": "1"}),
        ("severity_raised", "ticket-7", "Disk full", {"b": "2"}),
    ]


def test_labels_in_another_order_or_with_an_empty_one_are_the_same_alert() -> None:
    step = make_step()
    process(
        step,
        Record(0, T0, b'{"tenant_id":"acme","name":"n","labels":{"a":"1","b":"2"}}'),
        Record(1, T0 + 1, b'{"tenant_id":"acme","name":"n","labels": {"b":"2", "a":"1"} }'),
        Record(2, T0 + 2, b'{"tenant_id":"acme","name":"n","labels":{"a":"1","b":"2","c":""}}'),
        Record(3, T0 + 3, b'{"tenant_id":"acme","name":"n","labels":{"a":"1","b":"2","alertname":"m"}}'),
        Record(4, T0 + 4, b'{"tenant_id":"acme","name":"n","labels":{"a":"2","b":"1"}}'),
    )
    step.advance(T0 + MINUTE)
    assert changes(step) == [("opened", 1), ("opened", 1), ("repeated", 4)]


def test_a_text_that_was_met_is_known_by_its_hash_until_the_alert_is_forgotten() -> None:
    step = make_step()
    process(step, firing(0, T0, labels={"a": "1"}), firing(1, T0, labels={"a": "1"}), firing(2, T0, labels={"a": "2"}))
    assert sorted(alert.count for alert in step.alerts.memo.values()) == [1, 2]
    step.advance(T0 + HOUR)
    assert step.alerts.memo == {}


def test_a_batch_of_thousands_of_new_alerts_gives_each_its_fingerprint() -> None:
    step = make_step()
    unlike = [firing(n, T0, labels={"n": str(n)}) for n in range(2500)]
    unlike[7:7] = [Record(-1, T0, alert_json(labels={"n": 1}))]  # refused for its labels in the middle of them
    process(step, *[Record(n, one.timestamp, one.value) for n, one in enumerate(unlike)])
    told = [body(output)["fingerprint"] for output in step.take_emitted().enriched]
    assert told == [fingerprint_of("HighCPU", {"n": str(n)}) for n in range(2500)]


def test_the_same_alert_of_two_tenants_is_two_alerts() -> None:
    step = make_step()
    process(step, firing(0, T0, tenant_id="acme"), firing(1, T0, tenant_id="beta"), resolved(2, T0, tenant_id="beta"))
    told = [(body(output)["tenant_id"], body(output)["change"]) for output in step.take_emitted().enriched]
    assert told == [("acme", "opened"), ("beta", "opened"), ("beta", "resolved")]
    assert step.alerts.open_count == 1


def test_two_lives_that_end_at_the_same_given_end_have_two_ids() -> None:
    step = make_step()
    ends = "2023-11-14T22:13:00Z"  # before T0, again and again
    process(step, firing(0, T0, ends_at=ends), firing(1, T0 + SECOND, ends_at=ends), Record(2, T0 + MINUTE, None))
    outputs = step.take_emitted().enriched
    assert [body(output)["change"] for output in outputs] == ["opened", "expired", "reopened", "expired"]
    assert len({header(output, "id") for output in outputs}) == 4


def test_an_end_that_a_repeat_takes_away_is_noticed_however_long_the_digest_interval_is() -> None:
    step = make_step(digest=HOUR)
    far = "2023-11-15T22:13:20Z"
    process(
        step,
        firing(0, T0, ends_at=far),
        firing(1, T0 + SECOND, ends_at=far),
        firing(2, T0 + 2 * SECOND),
        Record(3, T0 + 2 * SECOND + 5 * MINUTE, None),
    )
    assert changes(step) == [("opened", 1), ("expired", 3)]


# -- what changes nothing


def test_a_record_that_changes_nothing_is_counted_with_its_reason() -> None:
    step = make_step()
    process(
        step,
        resolved(0, T0),
        firing(1, T0 + 10),
        resolved(2, T0 + 9),
        resolved(3, T0 + 11),
        resolved(4, T0 + 12),
        firing(5, T0 + 5),
    )
    assert changes(step) == [("opened", 1), ("resolved", 1)]
    assert step.take_tally().unchanged == {
        Unchanged.UNKNOWN_ALERT: 1,
        Unchanged.OLDER_THAN_KNOWN: 2,
        Unchanged.ALREADY_RESOLVED: 1,
    }


def test_a_second_copy_of_a_delivery_is_no_repeat_until_its_window_is_over() -> None:
    step = make_step()
    process(
        step,
        firing(0, T0, id="x"),
        firing(1, T0 + 1, id="x"),
        firing(2, T0 + 4 * MINUTE, id="x"),  # keeps the alert going
        firing(3, T0 + 5 * MINUTE, id="x"),
        firing(4, T0 + 5 * MINUTE + 1, id="x"),
        firing(5, T0 + 5 * MINUTE + 2),
    )
    assert step.take_tally().unchanged == {Unchanged.DUPLICATE_DELIVERY: 3}
    step.advance(T0 + 7 * MINUTE)
    assert changes(step) == [("opened", 1), ("repeated", 3)]


@pytest.mark.parametrize(
    "other",
    [{"source": "b"}, {"id": "y"}, {"severity": "error"}, {"starts_at": "2023-11-14T22:13:20Z"}, {"tenant_id": "beta"}],
)
def test_a_record_that_says_something_else_is_no_second_copy(other: dict[str, str]) -> None:
    step = make_step()
    process(step, firing(0, T0, source="a", id="x"), firing(1, T0 + 1, **{"source": "a", "id": "x", **other}))
    assert step.take_tally().unchanged == {}


def test_a_resolved_record_is_no_second_copy_of_a_firing_one_and_has_copies_itself() -> None:
    step = make_step()
    process(
        step, firing(0, T0, id="x"), resolved(1, T0 + 1, id="x"), resolved(2, T0 + 2, id="x"), firing(3, T0 + 3, id="x")
    )
    assert changes(step) == [("opened", 1), ("resolved", 1)]
    assert step.take_tally().unchanged == {Unchanged.DUPLICATE_DELIVERY: 2}


def test_a_delivery_and_an_ended_alert_leave_the_state_when_their_time_is_over() -> None:
    driver = Driver()
    driver.take([firing(0, T0, id="x"), resolved(1, T0)])
    driver.checkpoint()
    assert _kinds(driver.rows) == {b"a", b"d"}
    driver.take([Record(2, T0 + 30 * MINUTE, None)])
    driver.checkpoint()
    assert _kinds(driver.rows) == {b"a"}
    driver.take([Record(3, T0 + 30 * MINUTE + SECOND, None)])
    driver.checkpoint()
    assert _kinds(driver.rows) == set()
    assert len(driver.step.alerts) == len(driver.step.deliveries) == 0
    assert driver.step.alerts.memo == {}


def _kinds(rows: Iterable[bytes]) -> set[bytes]:
    """Return the kinds of rows that hold alerts and deliveries; a tenant's own stay."""
    return {key[:1] for key in rows} - {keys.PROGRESS[:1], keys.TENANT, keys.NAME}


# -- dead letters


def test_a_dead_letter_holds_the_bytes_the_reason_and_the_origin() -> None:
    step = make_step()
    process(step, Record(7, T0, b"\xff\x00", (("traceparent", b"t"), ("reason", b"theirs")), b"any key"))
    [dead] = step.take_emitted().dead
    assert (dead.key, dead.value, dead.timestamp, dead.partition) == (b"any key", b"\xff\x00", T0, 0)
    assert dead.headers == [
        ("id", id_from_record("", "alerts.raw", 0, 7, "dead").encode()),
        ("schema", b"alerts.dlq/1"),
        ("origin", b"alerts.raw/0/7"),
        ("reason", b"not_utf8"),
        ("detail", b"'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        ("traceparent", b"t"),
        ("reason", b"theirs"),
    ]
    assert step.take_tally().rejected == {Rejection.NOT_UTF8: 1}


REJECTED: list[tuple[bytes | None, str]] = [
    (None, "null_value"),
    (b"{", "not_json"),
    (b"[]", "not_an_object"),
    (b'{"tenant_id":"acme","name":"n","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "nested_too_deep"),
    (b'{"tenant_id":"acme","name":"n"}'.ljust(256 * 1024 + 1), "record_too_large"),
    (alert_json("ACME"), "invalid_tenant"),
    (b'{"name":"n"}', "missing_tenant"),
    (alert_json(name=""), "missing_name"),
    (alert_json(name="n" * 257), "name_too_long"),
    (alert_json(id="i" * 257), "id_too_long"),
    (alert_json(fingerprint="i" * 257), "fingerprint_too_long"),
    (alert_json(labels={f"l{i}": "v" for i in range(65)}), "too_many_labels"),
    (alert_json(labels={"l" * 257: "v"}), "label_name_too_long"),
    (alert_json(labels={"l": "v" * 4097}), "label_value_too_long"),
    (alert_json(labels={"l": 1}), "wrong_type"),
    (alert_json(severity="fatal"), "unknown_severity"),
    (alert_json(status="open"), "unknown_status"),
    (alert_json(starts_at="2026-01-01T00:00:00"), "invalid_timestamp"),
]


@pytest.mark.parametrize(("value", "reason"), REJECTED)
def test_a_rejected_record_stops_nothing_and_changes_nothing_else(value: bytes | None, reason: str) -> None:
    step = make_step()
    process(step, firing(0, T0), Record(1, T0 + 1, value), firing(2, T0 + 2))
    emitted = step.take_emitted()
    [dead] = emitted.dead
    assert (header(dead, "reason"), header(dead, "origin"), dead.value) == (reason, "alerts.raw/0/1", value)
    assert [body(output)["change"] for output in emitted.enriched] == ["opened"]
    step.advance(T0 + MINUTE)
    assert changes(step) == [("repeated", 2)]
    assert step.next_offset == 3


def test_a_rejected_record_still_moves_time() -> None:
    step = make_step()
    process(step, firing(0, T0), Record(1, T0 + 5 * MINUTE, b"x"))
    assert changes(step) == [("opened", 1), ("expired", 1)]


def test_a_long_detail_is_cut_between_two_characters() -> None:
    step = make_step()
    process(step, Record(0, T0, alert_json(labels={"€" * 400: "v"})), Record(1, T0, alert_json(severity="€" * 900)))
    details = [dict(dead.headers)["detail"] for dead in step.take_emitted().dead]
    assert all(len(detail) <= 500 for detail in details)
    assert "€" in details[0].decode()
    assert "€" in details[1].decode()


@pytest.mark.parametrize(
    "field",
    [
        b'"big": ' + b"9" * 30,
        b'"big": ' + b"9" * 5000,
        b'"big": 1e400',
        b'"extra": {"big": ' + b"9" * 30 + b"}",
        b'"ends_at": "9999-12-31T23:59:59-23:59"',
        b'"starts_at": "0001-01-01T00:00:00+05:00"',
        *(b'"deep": ' + b"[" * depth + b"]" * depth for depth in range(950, 1000, 5)),
    ],
)
def test_valid_json_that_python_cannot_hold_stops_nothing(field: bytes) -> None:
    driver = Driver()
    value = b'{"tenant_id": "acme", "name": "n", ' + field + b"}"
    driver.take([Record(0, T0, value), Record(1, T0 + 1, value), Record(2, T0 + HOUR, None)])
    driver.checkpoint()
    assert driver.step.next_offset == 3
    driver.restart()


@pytest.mark.parametrize("timestamp", [1 << 62, (1 << 63) - 1, 1_700_000_000_000_000_000])
def test_a_timestamp_in_nanoseconds_stops_nothing_and_moves_no_time(timestamp: int) -> None:
    step = make_step()
    process(step, firing(0, T0, name="A"), firing(1, timestamp, name="B"), firing(2, T0 + 1, name="A"))
    assert changes(step) == [("opened", 1), ("opened", 1)]
    assert step.progress.stream_ms == T0 + 1
    assert step.take_tally().clamped == 1


# -- records on a wrong partition


def test_a_record_on_a_wrong_partition_is_sent_on_once_with_its_origin() -> None:
    step = make_step(partition=0, partitions=2)
    value = alert_json(ON_1)
    process(step, Record(5, T0, value, (("traceparent", b"t"),), b"any key"))
    emitted = step.take_emitted()
    [forwarded] = emitted.forwarded
    assert (forwarded.key, forwarded.value, forwarded.partition) == (ON_1.encode(), value, 1)
    assert forwarded.timestamp == T0
    assert forwarded.headers == [("traceparent", b"t"), ("forwarded-from", b"alerts.raw/0/5")]
    assert emitted.by_topic() == {"alerts.raw": [forwarded]}
    assert step.take_tally().forwarded == 1
    assert step.alerts.open_count == 0


def test_a_forwarded_record_is_processed_as_if_it_had_come_here_and_its_repeat_is_dropped() -> None:
    step = make_step(partition=1, partitions=2)
    sent_on = (("forwarded-from", b"alerts.raw/0/5"),)
    process(
        step,
        Record(90, T0, alert_json(ON_1), sent_on),
        Record(91, T0, alert_json(ON_1), sent_on),
        Record(92, T0, alert_json(ON_1, severity="error"), (("forwarded-from", b"alerts.raw/0/6"),)),
    )
    opened, raised = step.take_emitted().enriched
    assert header(opened, "origin") == "alerts.raw/0/5"
    assert header(opened, "id") == id_from_record(ON_1, "alerts.raw", 0, 5, "opened")
    assert body(raised)["count"] == 2
    assert step.take_tally().unchanged == {Unchanged.DUPLICATE_FORWARD: 1}


def test_a_repeat_of_a_forward_is_known_after_a_restart() -> None:
    sent_on = (("forwarded-from", b"alerts.raw/0/5"),)
    driver = Driver(partition=1, partitions=2)
    driver.take([Record(90, T0, alert_json(ON_1), sent_on)])
    driver.checkpoint()
    driver.restart()
    driver.take([Record(91, T0, alert_json(ON_1), sent_on)])
    driver.checkpoint()
    assert driver.tally.unchanged == {Unchanged.DUPLICATE_FORWARD: 1}


def test_a_record_that_was_sent_on_and_is_still_wrong_is_a_dead_letter() -> None:
    step = make_step(partition=0, partitions=2)
    process(step, Record(5, T0, alert_json(ON_1), (("forwarded-from", b"alerts.raw/1/9"),)))
    emitted = step.take_emitted()
    assert [header(dead, "reason") for dead in emitted.dead] == ["wrong_partition"]
    assert not emitted.forwarded


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"x",
        b"\xff",
        b"a/b/c",
        b"alerts.raw/0/-5",
        b"alerts.raw/-1/5",
        b"t/0/" + b"9" * 30,
        b"t/0/9223372036854775808",
    ],
)
def test_a_header_of_the_same_name_that_is_no_origin_is_somebody_else_s(text: bytes) -> None:
    driver = Driver()
    driver.take([Record(5, T0, alert_json(), (("forwarded-from", text),))])
    driver.checkpoint()
    [left] = driver.left
    assert header(left.output, "origin") == "alerts.raw/0/5"


def test_an_origin_is_read_back() -> None:
    assert read_origin(b"alerts.raw/3/42") == ("alerts.raw", 3, 42)
    assert read_origin(b"a/b/3/9223372036854775807") == ("a/b", 3, (1 << 63) - 1)


def test_a_dead_letter_of_a_tenant_from_elsewhere_is_not_sent_on() -> None:
    step = make_step(partition=0, partitions=2)
    process(step, Record(5, T0, alert_json(ON_1, severity="fatal")))
    emitted = step.take_emitted()
    assert (len(emitted.dead), len(emitted.forwarded)) == (1, 0)


# -- the wall clock


def test_nothing_is_processed_before_a_wall_clock_was_sealed() -> None:
    step = make_step(wall_clock=True)
    batch = [firing(0, T0), firing(1, T0 + 1)]
    assert step.process(batch, 0) == 0
    assert step.next_offset == 0
    step.seal(T0, tick=False)
    assert step.process(batch, 0) == 2
    assert changes(step) == [("opened", 1)]


def test_a_timestamp_up_to_the_skew_ahead_is_believed() -> None:
    driver = Driver(wall_clock=True)
    driver.take([firing(0, T0 + 5 * MINUTE)], wall_ms=T0)
    assert driver.step.progress.stream_ms == T0 + 5 * MINUTE
    assert driver.step.take_tally().clamped == 0


def test_a_timestamp_further_ahead_becomes_the_wall_clock_and_moves_nobody_s_time() -> None:
    driver = Driver(wall_clock=True)
    behind = T0 - HOUR  # there is a backlog of an hour
    driver.take(
        [
            firing(0, behind, name="Other"),
            firing(1, T0 + 5 * MINUTE + 1),
            firing(2, behind + SECOND, name="Other", severity="error"),
        ],
        wall_ms=T0,
    )
    driver.checkpoint()
    told = [(body(left.output)["name"], body(left.output)["change"], left.output.timestamp) for left in driver.left]
    assert told == [
        ("Other", "opened", behind),
        ("HighCPU", "opened", T0),
        ("Other", "severity_raised", behind + SECOND),
    ]
    assert driver.tally.clamped == 1
    assert driver.step.progress.stream_ms == behind + SECOND


def test_a_seal_judges_the_rest_of_its_batch_and_no_record_after_it() -> None:
    step = make_step(wall_clock=True)
    far = T0 + HOUR
    batch = [firing(0, T0), firing(1, far), firing(2, far)]
    step.seal(T0, tick=False)
    assert step.process(batch, 0) == 1
    step.seal(T0 + 1, tick=False)
    assert step.process(batch, 1) == 3  # however long the seal took
    assert step.process([firing(3, far)], 0) == 0
    assert step.take_tally().clamped == 2


def test_a_second_run_judges_by_the_sealed_clock_and_not_by_a_later_one() -> None:
    driver = Driver(wall_clock=True)
    batch = [firing(0, T0 + HOUR), firing(1, T0 + HOUR, name="B")]
    driver.take(batch, wall_ms=T0)
    first_run, driver.left = driver.left, []
    driver.restart()  # nothing but the seal was committed
    driver.take(batch, wall_ms=T0 + HOUR)
    assert driver.left == first_run
    assert len(first_run) == 2


def test_a_sealed_clock_never_goes_back() -> None:
    step = make_step(wall_clock=True)
    step.seal(T0, tick=False)
    step.seal(T0 - HOUR, tick=False)
    assert step.progress.wall_ms == T0


def test_what_a_sealed_tick_caused_leaves_after_a_restart() -> None:
    driver = Driver()
    driver.take([firing(0, T0), firing(1, T0 + 1)])
    driver.checkpoint()
    driver.left.clear()
    driver.step.seal(T0 + MINUTE, tick=True)
    driver.checkpoint()
    driver.restart()
    assert [body(left.output)["change"] for left in driver.left] == ["repeated"]
    assert driver.step.progress.tick_ms == 0
    driver.checkpoint()
    driver.left.clear()
    driver.restart()
    assert driver.left == []


def test_a_tick_repeats_its_own_time_even_where_a_later_clock_was_sealed_before_it() -> None:
    driver = Driver(wall_clock=True)
    driver.take([firing(0, T0)], wall_ms=T0 + 5 * MINUTE)  # seals a clock at which the alert is over
    driver.step.seal(T0 + MINUTE, tick=True)  # a fetch that was answered earlier
    driver.checkpoint()
    driver.left.clear()
    driver.restart()
    assert driver.left == []
    assert driver.step.progress.stream_ms == T0 + MINUTE


def test_a_seal_without_a_tick_moves_no_time() -> None:
    driver = Driver()
    driver.take([firing(0, T0)])
    driver.step.seal(T0 + HOUR, tick=False)
    driver.checkpoint()
    driver.restart()
    assert driver.step.progress.stream_ms == T0


def test_time_does_not_go_back() -> None:
    step = make_step()
    step.advance(T0)
    step.advance(T0 - 1)
    assert step.progress.stream_ms == T0


def test_the_next_timer_is_known() -> None:
    step = make_step()
    assert step.next_timer_ms > T0 + 1000 * HOUR
    process(step, firing(0, T0 + 1))
    assert step.next_timer_ms == T0 + 40 * SECOND  # the minute ends
    step.advance(T0 + 100 * SECOND)  # and one without a record
    assert step.next_timer_ms == T0 + 5 * MINUTE + SECOND
    again = make_step()
    process(again, firing(0, T0 + 1), firing(1, T0 + 2))
    again.advance(T0 + 40 * SECOND)
    assert again.next_timer_ms == T0 + 61 * SECOND


# -- state


def test_a_restored_step_goes_on_where_the_snapshot_was_taken() -> None:
    driver = Driver()
    driver.take([firing(0, T0, id="x", team="db"), firing(1, T0 + 1)])
    driver.checkpoint()
    driver.restart()
    assert driver.step.next_offset == 2
    assert driver.step.alerts.open_count == 1
    # The first two come again, as the fetch may begin earlier; the third is a repeat, and the fourth a second copy.
    driver.take([firing(0, T0), firing(1, T0 + 1), firing(2, T0 + 2), firing(3, T0 + 3, id="x")])
    driver.pass_time(T0 + MINUTE)
    digest = body(driver.left[-1].output)
    assert (digest["change"], digest["count"], digest["extra"]) == ("repeated", 3, {"team": "db"})


def test_progress_says_what_a_snapshot_includes() -> None:
    driver = Driver(partition=3, partitions=24)
    driver.take([firing(10, T0, tenant_id="beta"), firing(12, T0 + 1, tenant_id="beta")])
    driver.checkpoint()
    progress = read_progress(driver.rows[keys.PROGRESS], Progress("alerts.raw", 3, 24))
    assert progress == Progress("alerts.raw", 3, 24, offset=13, stream_ms=T0 + 1, reach=2_000_013)


def test_a_snapshot_without_a_change_is_the_progress_alone() -> None:
    driver = Driver()
    driver.take([firing(0, T0)])
    driver.checkpoint()
    assert set(driver.checkpoint()) == {keys.PROGRESS}


def test_a_repeat_writes_counters_only() -> None:
    driver = Driver()
    driver.take([firing(0, T0)])
    driver.checkpoint()
    driver.take([firing(1, T0 + 1), firing(2, T0 + 2)])
    assert _kinds(driver.checkpoint()) == {keys.COUNTERS}


def test_alerts_beyond_the_capacity_come_back_from_their_rows() -> None:
    driver = Driver(capacity=1)
    batch = [firing(number, T0 + number, name=f"A{number}", id=f"i{number}") for number in range(5)]
    driver.take(batch)
    driver.checkpoint()
    assert len(driver.step.alerts) <= 1
    assert len(driver.step.deliveries) <= 1
    assert driver.step.alerts.open_count == 5
    driver.take([firing(5 + number, T0 + 10 + number, name=f"A{number}") for number in range(5)])
    driver.checkpoint()
    driver.pass_time(T0 + MINUTE + 10 * SECOND)
    told = [(body(left.output)["name"], body(left.output)["change"]) for left in driver.left]
    assert sorted(told) == sorted((f"A{n}", change) for n in range(5) for change in ("opened", "repeated"))


# -- what is counted


def test_every_accepted_record_is_counted_by_tenant_severity_and_status() -> None:
    driver = Driver()
    driver.take(
        [
            firing(0, T0),
            firing(1, T0 + 1),
            firing(2, T0 + 2),
            firing(3, T0 + 3, severity="critical"),
            firing(4, T0 + 4, severity="critical"),
            resolved(5, T0 + 5),
            firing(6, T0 + 6, tenant_id="beta"),
            Record(7, T0 + 7, b"x"),
        ]
    )
    driver.checkpoint()
    assert driver.tally.processed == {
        ("acme", Severity.WARNING, "firing"): 3,
        ("acme", Severity.CRITICAL, "firing"): 2,
        ("acme", Severity.WARNING, "resolved"): 1,
        ("beta", Severity.WARNING, "firing"): 1,
    }
    assert driver.tally.changes == {
        ("acme", Change.OPENED): 1,
        ("acme", Change.SEVERITY_RAISED): 1,
        ("acme", Change.RESOLVED): 1,
        ("beta", Change.OPENED): 1,
    }


def test_repeats_of_an_alert_forgotten_before_the_next_snapshot_are_counted() -> None:
    driver = Driver()
    driver.take([firing(0, T0), firing(1, T0 + 1), firing(2, T0 + 2), Record(3, T0 + HOUR, None)])
    driver.checkpoint()
    assert _kinds(driver.rows) == set()
    assert driver.tally.processed == {("acme", Severity.WARNING, "firing"): 3}


def test_a_late_repeat_counts_and_changes_neither_value_nor_end() -> None:
    step = make_step()
    process(step, firing(0, T0 + 10, value=1), firing(1, T0 + 20, value=2), firing(2, T0 + 19, value=3))
    step.advance(T0 + MINUTE + SECOND)
    _, digest = map(body, step.take_emitted().enriched)
    assert (digest["count"], digest["value"], digest["last_seen_at"]) == (3, 2, "2023-11-14T22:13:20.020000Z")


def test_a_report_hands_over_what_was_counted_since_the_last_one() -> None:
    reports: list[tuple[int, Tally]] = []

    def note(step: IngestStep, tally: Tally) -> None:
        reports.append((step.next_offset, tally))

    step = make_step(on_report=note)
    process(step, firing(0, T0), Record(1, T0, None))
    step.report()
    step.report()
    assert [offset for offset, _ in reports] == [2, 2]
    assert reports[0][1].rejected == {Rejection.NULL_VALUE: 1}
    assert reports[1][1] == Tally()


def test_outputs_are_handed_over_once() -> None:
    step = make_step()
    process(step, firing(0, T0), Record(1, T0, None))
    assert sorted(step.take_emitted().by_topic()) == ["alerts.dlq", "alerts.enriched"]
    assert not step.take_emitted()
    assert step.take_emitted().by_topic() == {}


def test_the_counters_of_an_alert_are_small() -> None:
    driver = Driver()
    driver.take([firing(0, T0, labels={"l": "v" * 4096})])
    driver.checkpoint()
    driver.take([firing(1, T0, labels={"l": "v" * 4096})])
    rows = driver.checkpoint()
    [row] = [row for key, row in rows.items() if key[:1] == keys.COUNTERS]
    assert row is not None
    assert len(row) < 100
    [[key, is_open, count, *_]] = msgspec.msgpack.decode(row)[2]
    assert (key, is_open, count) == (keys.alert("acme", fingerprint_of("HighCPU", {"l": "v" * 4096})), True, 2)


def test_the_first_repeat_after_a_restart_is_found_by_its_text() -> None:
    driver = Driver()
    driver.take([firing(0, T0, labels={"a": "1"}), firing(1, T0, fingerprint="mine", labels={"a": "2"})])
    driver.checkpoint()
    memo = dict(driver.step.alerts.memo)
    driver.restart()
    assert memo.keys() == driver.step.alerts.memo.keys()


def test_two_alerts_under_one_sender_s_id_are_both_told() -> None:
    step = make_step()
    process(step, firing(0, T0, id="x", labels={"a": "1"}), firing(1, T0, id="x", labels={"a": "2"}))
    assert changes(step) == [("opened", 1), ("opened", 1)]


def test_a_traceparent_makes_no_repeat_of_another_kind() -> None:
    step = make_step()
    trace = ("traceparent", b"00-1-2-01")
    process(step, firing(0, T0), Record(1, T0 + 1, alert_json(), (trace,)), Record(2, T0 + 2, alert_json(), (trace,)))
    assert changes(step) == [("opened", 1)]
    step.advance(T0 + 2 * MINUTE)
    assert changes(step) == [("repeated", 3)]


def test_a_store_without_progress_is_a_new_partition() -> None:
    step = make_step(DictStore({keys.alert("acme", "f0"): b"not even a row"}))
    assert step.next_offset == 0


# -- bounds


def test_a_record_that_is_nested_too_deep_is_a_dead_letter_whoever_is_in_its_batch() -> None:
    deep = b'{"tenant_id":"acme","name":"Deep","x":' + b"[" * 990 + b"]" * 990 + b"}"
    for neighbour in (alert_json(), alert_json(name="ü"), b"no alert"):
        step = make_step()
        process(step, Record(0, T0, neighbour), Record(1, T0, deep))
        dead = [header(letter, "origin") for letter in step.take_emitted().dead]
        assert dead[-1] == "alerts.raw/0/1"
        assert step.take_tally().rejected[Rejection.NESTED_TOO_DEEP] == 1


def test_a_record_larger_than_a_batch_leaves_a_letter_that_says_how_large_it_was() -> None:
    step = make_step()
    process(step, Record(0, T0, b"x" * 900_000, (("h", b"y" * 10),), b"key"))
    [letter] = step.take_emitted().dead
    assert len(letter.value or b"") == 700_000
    assert (header(letter, "truncated"), header(letter, "reason")) == (str(900_000 + 3 + 11), "record_too_large")
    assert (letter.key, header(letter, "h")) == (b"key", None)


def test_one_traceparent_of_a_sensible_length_is_passed_on() -> None:
    step = make_step()
    traces = (("traceparent", b"first"), ("traceparent", b"second"))
    process(
        step, Record(0, T0, alert_json(), traces), Record(1, T0, alert_json(name="B"), (("traceparent", b"t" * 129),))
    )
    one, other = step.take_emitted().enriched
    assert [text for name, text in one.headers if name == "traceparent"] == [b"first"]
    assert header(other, "traceparent") is None


def test_an_alert_that_changes_again_and_again_arms_no_timer_for_each_of_its_ends() -> None:
    step = make_step()
    for number in range(1000):
        ends = f"2099-01-01T00:{number // 60 % 60:02d}:{number % 60:02d}Z"
        process(step, firing(number, T0 + number, severity=("info", "error")[number % 2], ends_at=ends))
    assert len(step._timers) == 2  # its own, and that of the minute


def test_an_end_far_away_is_looked_at_once_a_day_and_comes() -> None:
    step = make_step()
    process(step, firing(0, T0, ends_at="2023-11-17T22:13:20Z"))  # three days later
    step.take_emitted()
    step.advance(T0 + 100 * SECOND)
    assert step.next_timer_ms == T0 + 24 * HOUR
    step.advance(T0 + 71 * HOUR)
    assert changes(step) == []
    step.advance(T0 + 72 * HOUR)
    assert changes(step) == [("expired", 1)]


@pytest.mark.parametrize("origin", [b"alerts.raw/7/3", b"other.topic/1/3"])
def test_a_header_that_names_no_place_of_ours_is_somebody_else_s(origin: bytes) -> None:
    step = make_step(partitions=2)
    for offset in range(2):
        process(step, Record(offset, T0 + offset, alert_json(ON_0), (("forwarded-from", origin),)))
    assert step.take_tally().unchanged == {}
    assert not [key for key in step.snapshot() if key[:1] == b"f"]


def test_partitions_of_one_worker_share_what_fits_into_its_memory() -> None:
    driver = Driver(capacity=8)
    driver.take([firing(number, T0 + number, name=f"A{number}") for number in range(8)])
    driver.step.share(4)
    driver.checkpoint()
    assert len(driver.step.alerts) <= 2
    driver.step.share(1)
    driver.take([firing(8 + number, T0 + 8 + number, name=f"A{number}") for number in range(8)])
    driver.checkpoint()
    assert len(driver.step.alerts) == 8
