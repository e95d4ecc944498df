from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.control.yaml import YamlError, read_documents, write_document


def value_of(text: str) -> object:
    (document,) = read_documents(text)
    return document.value


def problems_of(text: str) -> list[str]:
    (document,) = read_documents(text)
    return [str(problem) for problem in document.problems]


MEANINGS: list[tuple[str, object]] = [
    ("2026-11-26", "2026-11-26"),
    ("2026-11-26T10:00:00Z", "2026-11-26T10:00:00Z"),
    ("02:00", "02:00"),
    ("12:30:45", "12:30:45"),
    ("010", "010"),
    ("0x1F", "0x1F"),
    ("1_000", "1_000"),
    (".inf", ".inf"),
    ("1.10", 1.1),
    ("-3", -3),
    ("1e3", 1000.0),
    ("99999999999999999999", "99999999999999999999"),
    ("true", True),
    ("False", False),
    ("y", "y"),
    ("~", None),
    ("null", None),
    ('"no"', "no"),
    ("'5'", "5"),
    ("norway", "norway"),
]


@pytest.mark.parametrize(("written", "meant"), MEANINGS)
def test_a_scalar_means_what_it_means_in_json_and_is_text_otherwise(written: str, meant: object) -> None:
    found = value_of(f"a: {written}")
    assert found == {"a": meant}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(meant)


@pytest.mark.parametrize("word", ["yes", "No", "on", "OFF"])
def test_a_word_that_is_a_boolean_to_some_readers_wants_quotes(word: str) -> None:
    assert problems_of(f"a: 1\nb: [{word}]") == [
        f"line 2: `{word}` without quotes is a boolean to some readers and text to others. "
        f'Write true or false, or "{word}" for the text'
    ]


def test_a_key_that_is_there_twice_is_told_with_both_lines() -> None:
    assert problems_of("a: 1\nb: 2\na: 3\nc: no") == [
        "line 3: a is set on line 1 already. Remove this line or line 1",
        "line 4: `no` without quotes is a boolean to some readers and text to others. "
        'Write true or false, or "no" for the text',
    ]


def test_documents_before_the_first_line_that_cannot_be_understood_are_read() -> None:
    documents = read_documents("a: 1\n---\nb: [")
    assert next(documents).value == {"a": 1}
    with pytest.raises(YamlError):
        next(documents)


def test_every_part_has_its_line_and_a_missing_one_that_of_what_it_would_be_in() -> None:
    _, document = read_documents("a: 1\n---\n\nkind: silence\nspec:\n  matchers:\n    - a\n    - b\n  x: 1\n")
    places: list[tuple[tuple[str | int, ...], int]] = [
        ((), 4),
        (("kind",), 4),
        (("spec",), 5),
        (("spec", "matchers"), 6),
        (("spec", "matchers", 1), 8),
        (("spec", "x"), 9),
        (("spec", "matchers", 7, "z"), 6),
        (("comment",), 4),
    ]
    assert [(path, document.line_of(path)) for path, _ in places] == places


def test_empty_documents_are_passed_over() -> None:
    assert [one.value for one in read_documents("---\n---\na: 1\n---\n# nothing\n")] == [{"a": 1}]
    assert list(read_documents("")) == []


BAD: list[tuple[str, int, str]] = [
    ("a: &x 1", 1, "anchor"),
    ("a: 1\nb: *x", 2, "alias"),
    ("a: 1\n<<: *x", 2, "alias"),
    ("a: !!python/object:os.system 1", 1, "tag"),
    ("? [a]\n: b", 1, "key that is not a name"),
    ("a: 1\nb: [", 3, "is not YAML"),
    ("a: 1\n b: 2", 2, "is not YAML"),
    ("a: 1\nb: \x01", 2, "character that YAML does not allow"),
    ("[" * 20 + "]" * 20, 1, "nested more than 16 levels"),
]


@pytest.mark.parametrize(("text", "line", "told"), BAD, ids=[row[2] for row in BAD])
def test_what_cannot_be_understood_is_told_with_its_line(text: str, line: int, told: str) -> None:
    with pytest.raises(YamlError) as caught:
        list(read_documents(text))
    assert (caught.value.line, told in caught.value.what) == (line, True), str(caught.value)
    assert caught.value.remedy


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from(["no", "Yes", "02:00", "1e3", "0x1f", "010", "2026-11-26", "~", "", "null", "- a", "a: b", "<<"]),
    st.text("ab \n\t#:-'\"\\", max_size=12),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | TEXTS,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(TEXTS, inside, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=5))
def test_what_is_written_is_read_back_the_same(value: dict[str, Any]) -> None:
    assert value_of(write_document(value)) == value


@given(st.dictionaries(st.just("a"), TEXTS, min_size=1))
def test_what_is_written_means_the_same_to_other_readers(value: dict[str, str]) -> None:
    assert yaml.safe_load(write_document(value)) == value
