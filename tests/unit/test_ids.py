from __future__ import annotations

from pipeline.domain.ids import id_from_record, id_from_timer


def test_an_id_never_changes_between_releases() -> None:
    assert id_from_record("acme", "alerts.raw", 3, 42, "opened") == "0a33c7963545dbca6cfbb11da729c22d"
    assert id_from_timer("acme", "f404ecabc8dd5cd7/expired/1", 1_700_000_000_000) == "db734b076e3c3fff7a1317c097500c26"


def test_every_part_of_the_cause_makes_another_id() -> None:
    ids = [
        id_from_record("acme", "alerts.raw", 3, 42, "opened"),
        id_from_record("beta", "alerts.raw", 3, 42, "opened"),
        id_from_record("acme", "alerts", 3, 42, "opened"),
        id_from_record("acme", "alerts.raw", 4, 42, "opened"),
        id_from_record("acme", "alerts.raw", 3, 43, "opened"),
        id_from_record("acme", "alerts.raw", 3, 42, "resolved"),
        id_from_record("acme", "alerts.raw", 3, 42, "opened", 1),
        id_from_record("acme", "alerts.raw", 34, 2, "opened"),
        id_from_timer("acme", "f/expired", 1),
        id_from_timer("beta", "f/expired", 1),
        id_from_timer("acme", "g/expired", 1),
        id_from_timer("acme", "f/expired", 2),
    ]
    assert len(set(ids)) == len(ids)


def test_an_id_is_32_hex_digits() -> None:
    for one in (id_from_record("", "", 0, 0, ""), id_from_timer("", "", -5)):
        assert len(one) == 32
        assert set(one) <= set("0123456789abcdef")
