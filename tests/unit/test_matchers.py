from __future__ import annotations

import pytest

from pipeline.domain.matchers import (
    EVERYTHING,
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

EQ, NE, RE, NR = Operator
ALERT = Subject("DiskFull", {"job": "db", "empty": ""}, "critical", "prometheus", {"summary": "no room on /var"})


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ('job="db"', True),
        ('job="DB"', False),
        ('job!="web"', True),
        ('job!="db"', False),
        ('job=~"d."', True),
        ('job=~"d"', False),
        ('job=~"b"', False),
        ('job=~"web|db"', True),
        ('job!~"d.*"', False),
        ('job!~"web.*"', True),
        ('alertname="DiskFull"', True),
        ('severity=~"critical|error"', True),
        ('source="prometheus"', True),
        ('annotations.summary=~".*/var"', True),
        ('annotations.summary=~"/var"', False),
    ],
)
def test_a_matcher_compares_one_field_with_its_value(text: str, matched: bool) -> None:
    assert parse_matcher(text).matches(ALERT) is matched


@pytest.mark.parametrize("field", ["team", "empty", "annotations.team"])
@pytest.mark.parametrize(
    ("condition", "matched"),
    [
        ('=""', True),
        ('!=""', False),
        ('="x"', False),
        ('!="x"', True),
        ('=~".*"', True),
        ('=~".+"', False),
        ('!~".+"', True),
        ('=~"x|"', True),
        ('!~"x"', True),
    ],
)
def test_a_missing_field_is_an_empty_one(field: str, condition: str, matched: bool) -> None:
    assert parse_matcher(field + condition).matches(ALERT) is matched


# What Alertmanager 0.28.1 makes of the same texts.
@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('foo="bar"', [("foo", EQ, "bar")]),
        ('{foo="bar"}', [("foo", EQ, "bar")]),
        ("foo=bar", [("foo", EQ, "bar")]),
        ("foo!=bar", [("foo", NE, "bar")]),
        ("foo=~bar.*", [("foo", RE, "bar.*")]),
        ("foo!~bar.*", [("foo", NR, "bar.*")]),
        ('{foo = "bar", dings != "bums", }', [("foo", EQ, "bar"), ("dings", NE, "bums")]),
        ("foo=bar,dings!=bums", [("foo", EQ, "bar"), ("dings", NE, "bums")]),
        ("foo=bar,", [("foo", EQ, "bar")]),
        ("{foo=bar", [("foo", EQ, "bar")]),
        ("foo=bar}", [("foo", EQ, "bar")]),
        ('foo=""', [("foo", EQ, "")]),
        ("foo=", [("foo", EQ, "")]),
        ("{foo=,bar=x}", [("foo", EQ, ""), ("bar", EQ, "x")]),
        ('foo="a,b"', [("foo", EQ, "a,b")]),
        (r'foo="say \"hi\", please"', [("foo", EQ, 'say "hi", please')]),
        (r'foo="a\\b"', [("foo", EQ, r"a\b")]),
        (r'foo="a\nb"', [("foo", EQ, "a\nb")]),
        ('foo="a\nb"', [("foo", EQ, "a\nb")]),
        (r'foo=~"db\d+\.example"', [("foo", RE, r"db\d+\.example")]),
        ("foo=a b", [("foo", EQ, "a b")]),
        ("foo==bar", [("foo", EQ, "=bar")]),
        ("foo=~~", [("foo", RE, "~")]),
        ("foo:bar=x", [("foo:bar", EQ, "x")]),
        ("{foo=~a{2}}", [("foo", RE, "a{2}")]),
        (r"foo=\"", [("foo", EQ, '"')]),
        ("foo=\x0b\u2003a ", [("foo", EQ, "\x0b\u2003a")]),
        ('"foo"="bar"', [("foo", EQ, "bar")]),
        ('{"a label"="bar","b"!~"c"}', [("a label", EQ, "bar"), ("b", NR, "c")]),
        (r'"a\"b\\c\n"="bar"', [('a"b\\c\n', EQ, "bar")]),
        ("foo.bar=x", [("foo.bar", EQ, "x")]),
        ("a-b=x", [("a-b", EQ, "x")]),
        ("0=x", [("0", EQ, "x")]),
        ("été=🙂", [("été", EQ, "🙂")]),
        (r'été="\xf0\x9f\x99\x82\t\101\u00e9\U0001f642"', [("été", EQ, "🙂\tAé🙂")]),
        ('été\u2003=\u2003"x"', [("été", EQ, "x")]),
        ("", []),
        ("{}", []),
        (" { } ", []),
        ("{", []),
    ],
)
def test_both_syntaxes_are_read(text: str, read: list[tuple[str, Operator, str]]) -> None:
    assert [(m.field, m.operator, m.value) for m in parse_set(text)] == read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'foo="\xf0\x9f\x99\x82"', r"\xf0\x9f\x99\x82"),
        (r'foo="a\tb"', r"a\tb"),
        (r'foo=~"\u0041|x"', None),
    ],
)
def test_where_the_syntaxes_read_a_text_differently_classic_wins_if_it_can(text: str, value: str | None) -> None:
    # RE2 knows no \u: the classic reading cannot be used, and only the other is left.
    assert parse_set(text)[0].value == ("A|x" if value is None else value)


@pytest.mark.parametrize(
    "text",
    [
        ",",
        "{,}",
        "foo",
        "foo!bar",
        "\x1c",
        "=bar",
        "foo=bar,,x=y",
        "foo.bar=x,,",
        "{foo.bar=x",
        "foo.bar=x}",
        "{foo.bar=x}y",
        "foo.bar=x y",
        "foo.bar",
        "foo.bar=",
        'foo="bar',
        'foo=bar"',
        'foo=b"a"r',
        'foo="b"ar',
        '"foo="bar',
        r'"foo"="\w"',
        r'"foo"="\xf0\x9f"',
        r'"foo"="\ud800"',
        r'"foo"="\400"',
        '"foo"="a\nb"',
        "\"a b\"='c'",
    ],
)
def test_what_neither_syntax_reads_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(MatcherError, match=r'cannot read .*: expected .* at character \d+; .* job=~"db-\.\*"'):
        parse_set(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("foo bar=x", "expected one of = != =~ !~ at character 5"),
        ("foo.bar=x,=y", "expected a label name at character 11"),
        ("{a.b=c", r"expected a comma or } at character 7"),
        ("{a.b=c}}", "expected the end at character 8"),
        (r'a.b="c\d"', r"expected \\ for each backslash in quotes, and only escapes that are UTF-8 at character 5"),
    ],
)
def test_a_refusal_says_what_was_expected_where(text: str, problem: str) -> None:
    with pytest.raises(MatcherError) as refused:
        parse_set(text)
    assert problem in str(refused.value)


def test_a_refusal_does_not_repeat_a_text_without_end() -> None:
    with pytest.raises(MatcherError) as refused:
        parse_set("x" * 10_000)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    "text", ['job=~"(?=a)"', r'job!~"(a)\1"', 'job=~"[a"', "job=~[a", 'a.b=~"*"', r'a=~"\d[" , b="c"']
)
def test_an_expression_that_re2_refuses_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(MatcherError, match=r"RE2 refuses: .* write it in RE2's syntax"):
        parse_set(text)


@pytest.mark.parametrize("text", ["foo=~a{2}", "{foo=~a{2}", "x=y,foo=~(a){1,2}", "{foo={}"])
def test_a_brace_of_a_value_is_not_taken_for_the_brace_of_the_set(text: str) -> None:
    with pytest.raises(MatcherError, match=r"quote the value|cannot read"):
        parse_set(text)


def test_a_matcher_without_a_label_name_is_refused() -> None:
    with pytest.raises(MatcherError, match="has no label name"):
        parse_set('""="x"')


@pytest.mark.parametrize(("field", "value"), [("a\ud800", "x"), ("a", "x\ud800")])
@pytest.mark.parametrize("operator", [EQ, RE])
def test_a_matcher_that_is_not_utf_8_is_refused(field: str, operator: Operator, value: str) -> None:
    with pytest.raises(MatcherError, match="not valid UTF-8"):
        Matcher(field, operator, value)


def test_one_matcher_is_one_and_has_no_braces() -> None:
    assert parse_matcher(' job =~ "a,b" ') == Matcher("job", RE, "a,b")
    assert parse_matcher("job=a,b") == Matcher("job", EQ, "a,b")
    for text in ('{job="db"}', "job=~a{2}"):
        with pytest.raises(MatcherError, match="brace"):
            parse_matcher(text)
    for text in ("a.b=c,d=e", ""):
        with pytest.raises(MatcherError, match="write exactly one"):
            parse_matcher(text)


@pytest.mark.parametrize(
    ("matcher", "text"),
    [
        (Matcher("job", EQ, "db"), 'job="db"'),
        (Matcher("job", NR, r"a\d"), r'job!~"a\\d"'),
        (Matcher("job", NE, 'say "hi"\n'), r'job!="say \"hi\"\n"'),
        (Matcher("foo.bar", RE, ""), 'foo.bar=~""'),
        (Matcher("a label", EQ, "{}"), '"a label"="{}"'),
        (Matcher('q"uote', EQ, "é\t"), '"q\\"uote"="é\t"'),
    ],
)
def test_a_matcher_has_one_text_which_quotes_a_name_only_where_it_must(matcher: Matcher, text: str) -> None:
    assert str(matcher) == text
    assert parse_matcher(text) == matcher


def test_sets_are_printed_as_alternatives() -> None:
    matchers = matchers_of(None, ["a=b,c!=d", "e=~f"])
    assert str(matchers) == '{a="b",c!="d"} or {e=~"f"}'
    assert (str(EVERYTHING), set_text(())) == ("{}", "{}")


def test_an_alert_has_to_satisfy_all_matchers_of_at_least_one_set() -> None:
    matchers = matchers_of(None, [["job=db", "severity=warning"], "job=web", ["job=db", 'severity="critical"']])
    assert matchers.matches(ALERT)
    assert not matchers_of(None, [["job=db", "severity=warning"], "job=web"]).matches(ALERT)


def test_matchers_are_a_text_a_list_or_alternatives_of_both() -> None:
    both = (Matcher("a", EQ, "b"), Matcher("c", EQ, "d"))
    assert matchers_of("a=b,c=d", None) == matchers_of(["a=b", "c=d"], None) == matchers_of(["{a=b,c=d}"], None)
    assert matchers_of("a=b,c=d", None).sets == (both,)
    assert matchers_of(None, ["a=b,c=d", ["a=b", 'c="d"'], ["c=d"]]).sets == (both, both, both[1:])


@pytest.mark.parametrize("nothing", [None, "", "{}", []])
def test_no_matcher_at_all_matches_everything(nothing: str | list[str] | None) -> None:
    assert matchers_of(nothing, None) == EVERYTHING
    assert EVERYTHING.matches(ALERT)


def test_matchers_and_alternatives_together_are_refused() -> None:
    with pytest.raises(MatcherError, match="give one of them"):
        matchers_of("a=b", ["c=d"])


def test_no_alternative_at_all_is_refused_because_it_says_neither_all_nor_nothing() -> None:
    with pytest.raises(MatcherError, match="give at least one"):
        Matchers(())
    with pytest.raises(MatcherError, match="give at least one"):
        matchers_of(None, [])


@pytest.mark.parametrize(
    ("any_of", "could"),
    [
        (["job=db"], True),
        ([""], True),
        (['alertname="DiskFull",job=web'], True),
        (['alertname="Other",job=db'], False),
        (['alertname="Other"', 'alertname=~"Disk.*"'], True),
        (['alertname!="DiskFull"', 'alertname!~"Disk.*"'], False),
    ],
)
def test_a_name_may_match_whatever_the_labels_are(any_of: list[str], could: bool) -> None:
    assert matchers_of(None, any_of).could_match_name("DiskFull") is could


def test_matchers_are_ordered_by_field_operator_and_value() -> None:
    texts = ['a!="x"', 'a="x"', 'a="y"', 'b="a"']
    assert [str(matcher) for matcher in sorted(map(parse_matcher, reversed(texts)))] == texts


@pytest.mark.parametrize("piece", [" ", '"', "\\", ",", "{", "a", 'a="b",', '"a b"=c,', "a=~", "\u2003"])
def test_reading_takes_time_in_proportion_to_the_text(piece: str) -> None:
    # A reader that takes quadratic time needs hours for this, so the suite's timeout is the assertion.
    text = "a=" + piece * (1_000_000 // len(piece))
    try:
        parse_set(text)
    except MatcherError as error:
        assert len(str(error)) < 500
