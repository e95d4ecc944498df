from __future__ import annotations

import pytest

from pipeline.domain import patterns


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("a", ("a",)),
        ("a|b|c", ("a", "b", "c")),
        ("(a|b)", ("a", "b")),
        ("(?:a|b)", ("a", "b")),
        ("^(a|b)$", ("a", "b")),
        ("^a|b$", ("a", "b")),
        (r"db\.example\.com|web-1", ("db.example.com", "web-1")),
        ("a|", ("a", "")),
        ("a|b|a", ("a", "b")),
        ("", ("",)),
        ("straße 🙂", ("straße 🙂",)),
    ],
)
def test_a_pattern_that_spells_out_its_texts_is_known_by_them(pattern: str, texts: tuple[str, ...]) -> None:
    assert patterns.literals(pattern) == texts


@pytest.mark.parametrize(
    "pattern",
    [
        "a.",
        "a*",
        "a+|b",
        "a?",
        "[ab]",
        r"\d",
        r"\Qa\E",
        "(a)b(c)",
        "(a)(b)",
        "(?i)a",
        "(?i:a)",
        "a{2}",
        r"a\$",
        "^^a",
        "a|^b",
    ],
)
def test_a_pattern_that_is_more_than_its_texts_is_not_spelled_out(pattern: str) -> None:
    assert patterns.literals(pattern) is None


@pytest.mark.parametrize("pattern", [".*", "(.*)", "^.*$", "^(?:.*)$", ".*.*", "(?s).*"])
def test_a_spelling_of_anything_is_seen(pattern: str) -> None:
    assert patterns.is_anything(pattern)


@pytest.mark.parametrize("pattern", ["", ".", ".+", "a.*", ".*a", r".*\$", "(.*)a(.*)", "[^a]*"])
def test_what_excludes_something_is_not_anything(pattern: str) -> None:
    assert not patterns.is_anything(pattern)


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("api", ["api"], ["", "api-1", "an api", "API", "api\n"]),
        ("api-.*", ["api-", "api-1"], ["api", "an api-1", "api-\n"]),
        (".*-api", ["-api", "an-api"], ["api", "an-api-1", "\n-api"]),
        (".*api.*", ["api", "an api-1"], ["ap", "api\n"]),
        ("a|b", ["a", "b"], ["", "ab", "a|b"]),
        ("api[0-9]*", ["api", "api1"], ["ap", "xapi1", "api1x"]),
        ("api?", ["ap", "api"], ["a", "apii"]),
        ("api{0,2}", ["ap", "api", "apii"], ["apiii"]),
        ("(a)?b(c)", ["bc", "abc"], ["ab", "b"]),
        ("a+|b", ["b", "aa"], ["ab", ""]),
        ("(?i)straße", ["STRAßE", "straße"], ["strasse"]),
        (".", ["🙂", "é"], ["", "\n", "ab"]),
        ("(?s).", ["\n"], [""]),
        ("(?m)a$", ["a"], ["a\nb"]),
        ("a{2}", ["aa"], ["a", "aaa"]),
    ],
)
def test_a_pattern_fits_the_whole_text_or_not_at_all(pattern: str, fitting: list[str], others: list[str]) -> None:
    long = "x" * patterns.SHORT
    assert [text for text in [*fitting, *others, long] if patterns.fits(pattern, text)] == fitting
    assert [text for text in [*fitting, *others, long] if patterns.fits(pattern, text)] == fitting, "from memory"


def test_a_text_too_long_to_be_remembered_is_matched_all_the_same() -> None:
    long = "a" * (patterns.SHORT + 1)
    assert patterns.fits("a*", long)
    assert not patterns.fits("a*", long + "b")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?=a)", "invalid perl operator"),
        ("(?<!a)b", "invalid"),
        (r"(a)\1", "invalid escape sequence"),
        ("a)", "unexpected )"),
        ("a)|(b", "unexpected )"),
        ("[a", "missing ]"),
        ("*a", "no argument for repetition operator"),
        ("a{1001}", "invalid repetition size"),
        (r"\pL{100}", "pattern too large"),
        ("a\n\n)", "unexpected ): a )"),
        ("\ud800", "not valid UTF-8"),
    ],
)
def test_what_re2_refuses_is_refused_with_its_reason(pattern: str, reason: str) -> None:
    with pytest.raises(patterns.PatternError) as refused:
        patterns.check(pattern)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_refusal_is_not_printed_by_re2(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(patterns.PatternError):
        patterns.check("(never seen before")
    assert capfd.readouterr() == ("", "")


def test_a_lone_surrogate_in_a_text_stops_nothing() -> None:
    assert not patterns.fits("[a-z]+", "a\ud800")


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        (r"10\.200\.7\..*", "10.200.7.1:9100", "10.200.70.1:9100"),
        (r"10\.200\.?7", "10.2007", "10.2008"),
        (r"a\.*b", "ab", "a.c"),
        (r"a\+{2}b", "a++b", "a+b"),
    ],
)
def test_a_beginning_with_escapes_is_read_as_what_it_spells(pattern: str, fits: str, fails: str) -> None:
    assert patterns.fits(pattern, fits)
    assert not patterns.fits(pattern, fails)
