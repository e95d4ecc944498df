"""Matchers print so that they are read again, and whatever is quick does what is slow and plain."""

from __future__ import annotations

import re2
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.domain import patterns
from pipeline.domain.match_index import MatchIndex
from pipeline.domain.matcher_logic import contradiction, matches_everything, subsumes
from pipeline.domain.matchers import (
    Matcher,
    MatcherError,
    Matchers,
    Operator,
    matchers_of,
    parse_matcher,
    parse_set,
    set_text,
)
from pipeline.domain.subject import Subject

ODD = st.text(st.sampled_from("ab:0_.- \t\n\r\x1c\x85\u2003\"'`\\,{}=!~|*()é🙂"), max_size=6)
TEXTS = st.one_of(ODD, st.text(max_size=6))
# Short texts over few characters, so that matchers and alerts often meet.
WORDS = st.sampled_from(["", "a", "b", "ab", "a.b", "a\nb", "abc"])
PIECES = st.sampled_from(
    ["a", "b", "c", "|", ".*", ".", "^", "$", "(", ")", "(?:", "*", "?", "+", "{2}", r"\.", r"\$", "[ab]", "\n", "(?i)"]
)
EXPRESSIONS = st.lists(PIECES, max_size=6).map("".join)
FIELDS = st.sampled_from(["alertname", "severity", "source", "job", "team", "annotations.note"])


def usable(field: str, operator: Operator, value: str) -> Matcher | None:
    try:
        return Matcher(field, operator, value)
    except MatcherError:
        return None


def matchers(fields: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[Matcher]:
    made = st.builds(usable, fields, st.sampled_from(Operator), values)
    return made.filter(lambda matcher: matcher is not None).map(
        lambda matcher: matcher or Matcher("a", Operator.EQUAL, "")
    )


ANY = matchers(TEXTS.filter(bool), TEXTS)
MEETING = matchers(FIELDS, st.one_of(WORDS, EXPRESSIONS))
SETS = st.lists(MEETING, max_size=3).map(tuple)
MATCHERS = st.lists(SETS, min_size=1, max_size=3).map(lambda sets: Matchers(tuple(sets)))
ALERTS = st.builds(
    Subject,
    st.sampled_from(["a", "b", "abc"]),
    st.dictionaries(st.sampled_from(["job", "team", "severity", "source"]), WORDS),
    st.sampled_from(["a", "b"]),
    st.sampled_from([None, "a", "b"]),
    st.dictionaries(st.just("note"), WORDS),
)


@given(ANY)
@example(Matcher("a", Operator.EQUAL, '"'))
@example(Matcher('a"', Operator.REGEX, "\\\\"))
@example(Matcher("a", Operator.NOT_EQUAL, "\\n\n"))
def test_a_matcher_is_read_as_it_was_printed(matcher: Matcher) -> None:
    assert parse_matcher(str(matcher)) == matcher


@given(st.lists(ANY, max_size=4).map(tuple))
def test_a_set_is_read_as_it_was_printed(wanted: tuple[Matcher, ...]) -> None:
    assert parse_set(set_text(wanted)) == wanted
    assert parse_set(",".join(map(str, wanted))) == wanted
    assert matchers_of([str(matcher) for matcher in wanted], None) == Matchers((wanted,))


@given(TEXTS)
def test_any_text_is_read_or_refused_and_what_is_read_prints_as_itself(text: str) -> None:
    try:
        read = parse_set(text)
    except MatcherError:
        return
    assert parse_set(set_text(read)) == read


@given(EXPRESSIONS, st.one_of(WORDS, st.text(st.sampled_from("abcA.$\n"), max_size=4)))
@example("(a)?b(c)", "bc")
@example("a*.*", "b")
def test_a_pattern_fits_what_re2_says_it_fits(expression: str, text: str) -> None:
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(expression, options)
    except re2.error:
        return
    assert patterns.fits(expression, text) is (compiled.fullmatch(text) is not None)
    spelled_out = patterns.literals(expression)
    assert spelled_out is None or (text in spelled_out) is patterns.fits(expression, text)
    assert not patterns.is_anything(expression) or "\n" in text or patterns.fits(expression, text)


KEYS = st.sampled_from(["k1", "k2", "k3", "k4", "k5"])


@given(st.lists(st.tuples(KEYS, st.one_of(MATCHERS, st.none())), max_size=12), st.lists(ALERTS, min_size=1, max_size=4))
def test_an_index_finds_what_asking_each_finds(
    changes: list[tuple[str, Matchers | None]], alerts: list[Subject]
) -> None:
    index: MatchIndex[str] = MatchIndex()
    kept: dict[str, Matchers] = {}
    for key, wanted in changes:
        if wanted is None:
            assert index.remove(key) == (key if kept.pop(key, None) else None)
        else:
            index.put(key, wanted, key)
            kept[key] = wanted
        for alert in alerts:
            assert index.matching(alert) == sorted(key for key, wanted in kept.items() if wanted.matches(alert))
    assert len(index) == len(kept)


# Few labels and values, so that what is said of matchers is said often, and every alert there can be of them.
VALUES = ("", "a", "b", "ab")
COMMON = matchers(st.sampled_from(["job", "team"]), st.sampled_from([*VALUES, "a|b", "|a", "a.*", ".*", ".+", "[^a]"]))
COMMON_SETS = st.lists(COMMON, max_size=3).map(tuple)
COMMON_MATCHERS = st.lists(COMMON_SETS, min_size=1, max_size=2).map(lambda sets: Matchers(tuple(sets)))
EVERY_ALERT = [Subject("a", {"job": job, "team": team}) for job in VALUES for team in VALUES]


def matched_by(wanted: Matchers) -> list[dict[str, str]]:
    return [alert.fields for alert in EVERY_ALERT if wanted.matches(alert)]


@given(COMMON_SETS)
def test_matchers_that_contradict_each_other_match_nothing(wanted: tuple[Matcher, ...]) -> None:
    assert not contradiction(wanted) or not matched_by(Matchers((wanted,)))


@given(COMMON_MATCHERS, COMMON_MATCHERS)
def test_what_subsumes_other_matchers_matches_all_that_they_match(wide: Matchers, narrow: Matchers) -> None:
    if subsumes(wide, narrow):
        broad = matched_by(wide)
        assert all(fields in broad for fields in matched_by(narrow))


@given(COMMON_MATCHERS)
def test_what_matches_everything_matches_any_alert(wanted: Matchers) -> None:
    assert not matches_everything(wanted) or len(matched_by(wanted)) == len(EVERY_ALERT)


@given(MATCHERS, ALERTS)
def test_a_name_that_could_not_match_does_not(wanted: Matchers, alert: Subject) -> None:
    assert wanted.could_match_name(alert.name) or not wanted.matches(alert)
