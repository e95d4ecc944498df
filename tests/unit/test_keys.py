from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tables import keys

if TYPE_CHECKING:
    from collections.abc import Callable

# What a tenant may be called, and what a sender may write into everything else.
TENANTS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,4}", fullmatch=True)
TEXTS = st.text(st.sampled_from("a0-\0\x01:|ü"), max_size=6)


def kinds(tenant: str, text: str, number: int) -> list[bytes]:
    """Return a key of every kind."""
    alert, journal = keys.alert(tenant, text), keys.journal(tenant, number)
    rates = keys.rate(tenant), keys.known(tenant, keys.RATES_KNOWN), keys.journal(tenant, number, keys.RATES_JOURNAL)
    others = keys.counters(tenant, number), keys.delivery(tenant, text, number), keys.forward(tenant, number)
    return [alert, *others, keys.known(tenant), journal, *rates]


def test_keys_never_change_between_releases() -> None:
    assert keys.alert("acme", "f0") == b"a\0acme\0f0"
    assert keys.counters("acme", 31) == b"c\0acme\x00000000000000001f"
    assert keys.number_of(keys.counters("acme", 31)) == 31
    assert keys.forward("acme", 3) == b"f\0acme\x003"
    assert keys.delivery("acme", "p", "id", True, 4, None).hex() == "640061636d6500b741d1869e62234b81f069108e283448"
    assert keys.PROGRESS == b"p\0"
    assert (keys.known("acme"), keys.journal("acme", 31)) == (b"g\0acme\0", b"j\0acme\x00000000000000001f")
    assert keys.rate("acme") == b"b\0acme\0"
    assert keys.ids("acme", 31) == b"i\0acme\x00000000000000001f"
    assert keys.known("acme", keys.RATES_KNOWN) == b"v\0acme\0"
    assert keys.journal("acme", 31, keys.RATES_JOURNAL) == b"w\0acme\x00000000000000001f"


@given(TENANTS, TEXTS, st.integers(0, 99))
def test_every_key_says_whose_it_is_whatever_a_sender_wrote(tenant: str, text: str, number: int) -> None:
    assert [keys.tenant_of(key) for key in kinds(tenant, text, number)] == [tenant] * 9


@given(TENANTS, TENANTS, TEXTS, TEXTS, st.integers(0, 99))
def test_no_key_of_one_tenant_is_a_key_of_another(one: str, other: str, text: str, text2: str, number: int) -> None:
    if one != other:
        assert not {*kinds(one, text, number)} & {*kinds(other, text2, number)}


@given(TENANTS, TENANTS, TEXTS, st.integers(0, 99))
def test_no_key_of_one_tenant_begins_like_those_of_another(one: str, other: str, text: str, number: int) -> None:
    if one != other:
        for kind in (b"a", b"c", b"d", b"f", b"g", b"j", b"b", b"v", b"w"):
            mine = kind + b"\0" + one.encode() + b"\0"
            assert not any(key.startswith(mine) for key in kinds(other, text, number))


@given(TENANTS, TEXTS, st.integers(0, 99))
def test_kinds_do_not_meet(tenant: str, text: str, number: int) -> None:
    all_kinds = [*kinds(tenant, text, number), keys.PROGRESS]
    assert [key[:2] for key in all_kinds] == [b"%c\0" % kind for kind in b"acdfgjbvwp"]


PARTS = st.tuples(st.one_of(st.none(), TEXTS), TEXTS, st.booleans(), st.integers(0, 4), st.integers(0, 99))


@given(PARTS, PARTS)
def test_two_deliveries_are_one_only_if_everything_they_say_is_the_same(
    one: tuple[str | None, str, bool, int, int], other: tuple[str | None, str, bool, int, int]
) -> None:
    assert (keys.delivery("acme", *one) == keys.delivery("acme", *other)) == (one == other)


def test_what_one_part_of_a_delivery_holds_cannot_pass_for_another() -> None:
    delivery: Callable[..., bytes] = keys.delivery
    assert delivery("acme", "a", "b:c") != delivery("acme", "a:b", "c")
    assert delivery("acme", "1:a", "") != delivery("acme", "1", "a")
    assert delivery("acme", None, "i") != delivery("acme", "None", "i")
