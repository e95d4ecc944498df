from __future__ import annotations

import pytest

from pipeline.domain import match_shelf, patterns
from pipeline.domain.match_index import MatchIndex
from pipeline.domain.matchers import matchers_of
from pipeline.domain.subject import Subject

ALERT = Subject("DiskFull", {"job": "db", "instance": "db-1"}, "critical", "prometheus", {"team": "storage"})


def index_of(**any_of: list[str]) -> MatchIndex[str]:
    """Return an index whose items are called as their keys."""
    index: MatchIndex[str] = MatchIndex()
    for key, sets in any_of.items():
        index.put(key, matchers_of(None, sets), key)
    return index


@pytest.mark.parametrize(
    ("matchers", "matched"),
    [
        ('alertname="DiskFull"', True),
        ('alertname="DiskFull",job="db"', True),
        ('alertname="DiskFull",job="web"', False),
        ('alertname="Other",job="db"', False),
        ('severity="critical",source="prometheus"', True),
        ('job=~"web|db"', True),
        ('job=~"web|cache"', False),
        ('job=~"db|"', True),
        ('job=~"d.*",instance=~"db-[0-9]"', True),
        ('job=~"d.*",instance=~"db-[a-z]"', False),
        ('job!="",instance!="db-2"', True),
        ('rack!=""', False),
        ('rack=""', True),
        ('rack="",job=""', False),
        ('rack!~".+"', True),
        ('annotations.team="storage"', True),
        ('annotations.team="other"', False),
        ('annotations.team=~"stor.*",job="db"', True),
        ("", True),
    ],
)
def test_an_item_is_found_whatever_kind_of_matchers_it_has(matchers: str, matched: bool) -> None:
    index = index_of(item=[matchers], other=['alertname="Other"'])
    assert index.matching(ALERT) == (["item"] if matched else [])


def test_items_come_in_the_order_of_their_keys_and_once_each() -> None:
    index = index_of(
        c=['job="db"', 'alertname="DiskFull"', 'rack=""'], a=['rack=""', 'instance=~"db-.*"'], b=["job=db"]
    )
    assert index.matching(ALERT) == ["a", "b", "c"]


def test_a_key_holds_the_item_that_was_put_last() -> None:
    index = index_of(a=['job="db"', 'instance=~"db-.*"', 'rack=""'])
    index.put("a", matchers_of('job="web"', None), "new")
    assert index.matching(ALERT) == []
    assert index.matching(Subject("DiskFull", {"job": "web"})) == ["new"]
    assert len(index) == 1


def test_what_was_removed_is_returned_and_found_no_more() -> None:
    sets = ['job=~"db|web"', 'job="db"', 'instance=~"db-.*"', 'instance=~"db-.*"', 'instance=~".*-1"', 'rack=""']
    index = index_of(a=sets, b=['job="db"'])
    assert index.matching(ALERT) == ["a", "b"]
    assert index.remove("a") == "a"
    assert index.remove("a") is None
    assert index.matching(ALERT) == ["b"]
    assert index.remove("b") == "b"
    assert (index.matching(ALERT), len(index)) == ([], 0)


@pytest.mark.parametrize("matchers", ['instance=~"db-.*"', 'instance=~"db-1|db-2"', 'instance="db-1"', 'rack=""'])
def test_what_was_removed_takes_nothing_else_with_it(matchers: str) -> None:
    index = index_of(a=[matchers], b=[matchers], c=[matchers])
    index.remove("b")
    assert index.matching(ALERT) == ["a", "c"]


def test_labels_that_nothing_asks_for_any_more_are_not_looked_at() -> None:
    index = index_of(a=["job=db", "team=x"], b=["team=~y.*"], c=['rack=""'])
    assert index.labels == {"job", "team"}
    index.remove("a")
    assert index.labels == {"team"}
    index.remove("b")
    assert index.labels == frozenset()


@pytest.mark.parametrize(
    ("matchers", "label"),
    [
        ('a="db",alertname="A"', "alertname"),
        ('job="db",instance="x"', "instance"),
        ('alertname=~"A.*",job="db"', "job"),
        ('alertname!="A",job=~"db.*"', "job"),
        ('job=~"a|b",team="x"', "team"),
        ('annotations.note="x",job="db"', "job"),
    ],
)
def test_a_set_is_found_by_a_value_it_names_and_by_the_name_of_the_alert_if_that_is_as_good(
    matchers: str, label: str
) -> None:
    assert index_of(a=[matchers]).labels == {label}


def test_an_item_may_be_nothing() -> None:
    index: MatchIndex[None] = MatchIndex()
    index.put("a", matchers_of("job=db", None), None)
    assert index.matching(ALERT) == [None]


def test_what_was_said_of_a_value_is_forgotten_when_items_come_and_go() -> None:
    index = index_of(a=['instance=~"db-.*"'])
    assert index.matching(ALERT) == ["a"]
    index.put("b", matchers_of('instance=~".*-1"', None), "b")
    assert index.matching(ALERT) == ["a", "b"]
    index.put("c", matchers_of('instance="db-1"', None), "c")
    assert index.matching(ALERT) == ["a", "b", "c"]
    index.remove("a")
    assert index.matching(ALERT) == ["b", "c"]


def test_a_repeated_value_is_not_matched_against_the_expressions_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def fits(pattern: str, text: str) -> bool:
        asked.append(text)
        return True

    index = index_of(a=['instance=~"db-[0-9]"'])
    monkeypatch.setattr(patterns, "fits", fits)
    assert [index.matching(ALERT), index.matching(ALERT)] == [["a"], ["a"]]
    assert asked == ["db-1"]


@pytest.mark.parametrize(("length", "remembered"), [(1, 8), (patterns.SHORT, 8), (patterns.SHORT + 1, 0)])
def test_values_without_end_take_no_memory_without_end(length: int, remembered: int) -> None:
    shelf = match_shelf.Shelf(room=8)
    anchor = matchers_of('a=~"x.*"', None).sets[0][0]
    for key in "abc":
        shelf.put(anchor, match_shelf.entry(key, ()))
    most = 0
    for number in range(100):
        value = f"x{number}".ljust(length, "y")
        assert [entry.key for entry in shelf.entries(value)] == ["a", "b", "c"]
        most = max(most, shelf.remembered)
    assert most == remembered


def test_a_shared_value_is_not_what_items_are_found_by(monkeypatch: pytest.MonkeyPatch) -> None:
    index: MatchIndex[int] = MatchIndex()
    for number in range(100):
        index.put(f"{number:02}", matchers_of(f'cluster="prod",instance="db-{number}"', None), number)
    found: list[str] = []
    entries = match_shelf.Shelf.entries

    def counted(shelf: match_shelf.Shelf, value: str) -> object:
        candidates = entries(shelf, value)
        found.extend(entry.key for entry in candidates)
        return candidates

    monkeypatch.setattr(match_shelf.Shelf, "entries", counted)
    assert index.matching(Subject("A", {"cluster": "prod", "instance": "db-7"})) == [7]
    assert len(found) <= 2, "the first was put under its cluster, when that was as good as its instance"
