from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.fingerprint import fingerprint_of, fnv1a_64, fnv1a_64_many, identity_bytes

PRODUCTION = {"group": "production", "instance": "localhost:8081", "job": "node", "severity": "critical"}
CANARY = {"group": "canary", "instance": "localhost:8082", "job": "node", "severity": "critical"}


@pytest.mark.parametrize(
    ("data", "hashed"),
    [(b"", 0xCBF29CE484222325), (b"a", 0xAF63DC4C8601EC8C), (b"foobar", 0x85944171F73967E8)],
)
def test_fnv1a_gives_the_published_hashes(data: bytes, hashed: int) -> None:
    assert fnv1a_64(data) == hashed


@pytest.mark.parametrize(("labels", "known"), [(PRODUCTION, "f404ecabc8dd5cd7"), (CANARY, "f8f08d4e32c61a9d")])
def test_an_alert_has_the_fingerprint_that_alertmanager_gives_it(labels: dict[str, str], known: str) -> None:
    assert fingerprint_of("InstanceDown", labels) == known


def test_the_identity_is_name_and_labels_sorted_with_0xff_after_each_part() -> None:
    assert identity_bytes("Up", {"z": "ü", "a": "1"}) == b"a\xff1\xffalertname\xffUp\xffz\xff\xc3\xbc\xff"


def test_labels_are_sorted_by_their_bytes() -> None:
    assert identity_bytes("n", {"é": "2", "Z": "1", "\U0001f600": "3"}).split(b"\xff")[::2] == [
        b"Z",
        b"alertname",
        "é".encode(),
        "\U0001f600".encode(),
        b"",
    ]


def test_the_order_of_labels_and_an_empty_label_do_not_matter() -> None:
    one = fingerprint_of("InstanceDown", dict(reversed(PRODUCTION.items())))
    other = fingerprint_of("InstanceDown", {**PRODUCTION, "team": ""})
    assert one == other == "f404ecabc8dd5cd7"


def test_the_name_stands_for_any_label_alertname() -> None:
    assert fingerprint_of("InstanceDown", {**PRODUCTION, "alertname": "Else"}) == "f404ecabc8dd5cd7"


def test_a_name_and_a_label_cannot_be_mistaken_for_one_another() -> None:
    assert fingerprint_of("n", {"ab": "c"}) != fingerprint_of("n", {"a": "bc"})


def test_a_small_hash_keeps_its_leading_zeros() -> None:
    names = [f"{number}" for number in range(2000)]
    assert {len(fingerprint_of(name, {})) for name in names} == {16}
    assert any(fingerprint_of(name, {}).startswith("00") for name in names)


@given(st.lists(st.binary(max_size=80), max_size=70))
def test_many_at_once_hash_as_one_by_one(blobs: list[bytes]) -> None:
    assert fnv1a_64_many(blobs) == [fnv1a_64(blob) for blob in blobs]


@pytest.mark.parametrize("count", [0, 1, 11, 12, 13, 300])
def test_the_vector_form_equals_the_scalar_form_at_every_size(count: int) -> None:
    blobs = [bytes([number % 256]) * (number * 7 % 40) for number in range(count)]
    assert fnv1a_64_many(blobs) == [fnv1a_64(blob) for blob in blobs]


def test_the_vector_form_takes_blobs_that_are_all_empty() -> None:
    assert fnv1a_64_many([b""] * 30) == [0xCBF29CE484222325] * 30
