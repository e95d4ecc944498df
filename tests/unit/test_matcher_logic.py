from __future__ import annotations

import pytest

from pipeline.domain.matcher_logic import contradiction, matches_empty, matches_everything, subsumes
from pipeline.domain.matchers import matchers_of, parse_matcher, parse_set


@pytest.mark.parametrize(
    ("matchers", "reason"),
    [
        ('job="a",job="b"', 'job="a" and job="b" never hold together'),
        ('job="a",job!="a"', 'job="a" and job!="a" never hold together'),
        ('job="a",job=~"b.*"', 'job="a" and job=~"b.*" never hold together'),
        ('job="a",job!~"a.*"', 'job="a" and job!~"a.*" never hold together'),
        ('job="",job="a"', 'job="" and job="a" never hold together'),
        ('job="",job=~".+"', 'job="" and job=~".+" never hold together'),
        ('job=~"a|b",job=~"c|d"', 'job=~"a|b" and job=~"c|d" never hold together'),
        ('job=~"a|b",job!="a",job!="b"', 'job=~"a|b" and job!="a" and job!="b" never hold together'),
        ('job=~"a.*",job!~"a.*"', 'job=~"a.*" and job!~"a.*" never hold together'),
        ('team="x",job="a",team!="x"', 'team="x" and team!="x" never hold together'),
        ('job!~".*"', 'job!~".*" never holds: the expression fits every value'),
        ('alertname=""', 'alertname="" never holds: every alert has a name'),
        ('alertname=~"|",job="a"', 'alertname=~"|" never holds: every alert has a name'),
    ],
)
def test_matchers_that_no_alert_satisfies_are_named(matchers: str, reason: str) -> None:
    assert contradiction(parse_set(matchers)) == reason


@pytest.mark.parametrize(
    "matchers",
    [
        "",
        'job="a"',
        'job="a",job="a"',
        'job="a",team="b"',
        'job="a",job!="b",job=~"a.*",job!~"b.*"',
        'job=~"a|b",job=~"b|c"',
        'job=~"a|b",job!="a"',
        'job=""',
        'job="",job!="a"',
        'alertname=~"|A"',
        'job=~".*"',
        'job!=""',
        'job=~"a.*",job!~"b.*"',
    ],
)
def test_matchers_that_some_alert_satisfies_are_no_contradiction(matchers: str) -> None:
    assert contradiction(parse_set(matchers)) is None


@pytest.mark.parametrize(
    ("any_of", "everything"),
    [
        ([""], True),
        (['job=~".*"'], True),
        (["job=db", 'a=~"(.*)",b=~"^.*$"'], True),
        (['job=~".+"'], False),
        (['job=~".*",a=b'], False),
        (['job!~".*"'], False),
        (['job=".*"'], False),
        (['job!=""'], False),
    ],
)
def test_matchers_match_everything_if_one_set_excludes_nothing(any_of: list[str], everything: bool) -> None:
    assert matches_everything(matchers_of(None, any_of)) is everything


@pytest.mark.parametrize(
    ("matcher", "empty"),
    [
        ('job=~".*"', True),
        ('job=~"a|"', True),
        ('job=~""', True),
        ('job=~"a?"', True),
        ('job=~".+"', False),
        ('job=~"a|b"', False),
        ('job=""', False),
        ('job!="a"', False),
        ('job!~"a"', False),
    ],
)
def test_an_expression_may_match_alerts_without_the_label(matcher: str, empty: bool) -> None:
    assert matches_empty(parse_matcher(matcher)) is empty


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ([""], ['job="a"']),
        ([""], [""]),
        (['job="a"'], ['job="a"']),
        (['job="a"'], ['team="b",job="a"']),
        (['job=~"a.*"'], ['job="ab"']),
        (['job!="b"'], ['job="a"']),
        (['job!~"b.*"'], ['job="a"']),
        (['job=~"a|b|c"'], ['job=~"a|b"']),
        (['job=~"a.*"'], ['job=~"ab|ac"']),
        (['job=~"a.*"'], ['job=~"ab|bc",job!="bc"']),
        (['job!="a"'], ['job=~"b.*"']),
        (['job!=""'], ['job=~".+"']),
        (['job!=""'], ['job!~"|a"']),
        (['job!~"a|b"'], ['job!="a",job!="b"']),
        (['job="a"', 'job="b"'], ['job="b",team="x"', 'job="a"']),
        (['job="a"'], ['job="b",job="c"']),
        (['job=""'], ['job=""']),
    ],
)
def test_what_surely_matches_all_that_the_other_matches_subsumes_it(wide: list[str], narrow: list[str]) -> None:
    assert subsumes(matchers_of(None, wide), matchers_of(None, narrow))


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (['job="a"'], [""]),
        (['job="a"'], ['job="b"']),
        (['job="a"'], ['team="a"']),
        (['job="a",team="b"'], ['job="a"']),
        (['job=~"a.*"'], ['job=~"ab|b"']),
        (['job!="a"'], ['job=~"a.*"']),
        (['job!~"a|b"'], ['job!="a"']),
        (['job="a"'], ['job="a"', 'job="b"']),
        (['job=~"a|b"'], ['job=~"[ab]"']),  # it does, and that is not seen
        (['job!=""'], [""]),
        (['job=~".*"'], [""]),  # but for a line feed it does
    ],
)
def test_what_may_not_match_all_that_the_other_matches_does_not_subsume_it(wide: list[str], narrow: list[str]) -> None:
    assert not subsumes(matchers_of(None, wide), matchers_of(None, narrow))
