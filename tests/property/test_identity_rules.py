"""Identity rules of built-in kinds: doing it again changes nothing, and how rules are written does not matter."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.domain import limits
from pipeline.domain.identity_rules import Identities, IdentityRule, Normalisation
from pipeline.domain.normal import NORMAL_FORM, Normal
from pipeline.domain.rule import RuleRef

LABELS = ("pod", "instance", "uid")
FRAGMENTS = (
    "checkout-7d9f8b6c4d-x2x9z",
    "node-exporter-x7k2p",
    "-bcdfg",
    "7d9f8b6c4d",
    "10.0.0.7:9100",
    "[::1]:80",
    "http://a:80/x",
    "localhost:1",
    "0d4d4d2f-cb2c-4e6d-9d5e-0123456789ab",
    "d41d8cd98f00b204e9800998ecf8427e",
    "abcdefabcdefabcdefabcdefabcdefab",
    "pod",
    "2026-11-26T10:00:00.5+02:00",
    "20261126T100000Z",
    "1795413600",
    "web-0",
    *"-_:./[]* %0279bdfhzé",
)
texts = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=8).map("".join) | st.text(min_size=1, max_size=40)
labels = st.dictionaries(st.sampled_from([*LABELS, "job"]), texts)


@st.composite
def rules(draw: st.DrawFn) -> list[IdentityRule]:
    built_in = st.sampled_from([*Normal])
    labelled = st.builds(Normalisation, st.sampled_from(LABELS), built_in)
    naming = st.builds(Normalisation, st.none(), built_in)
    return [
        IdentityRule(
            RuleRef("identity_rule", f"r{number}", 1),
            drop=tuple(draw(st.lists(st.sampled_from(LABELS), max_size=1))),
            normalise=tuple(draw(st.lists(labelled, max_size=5))),
            name=tuple(draw(st.lists(naming, max_size=4))),
        )
        for number in range(draw(st.integers(0, 3)))
    ]


@given(st.sampled_from([*Normal]), texts)
@example(Normal.PORT, "10.0.0.1:80-h:1")
@example(Normal.PORT, "10.0.0.7:80/10.0.0.8:90")
def test_a_kind_applied_again_changes_nothing(kind: Normal, text: str) -> None:
    once = NORMAL_FORM[kind](text)
    assert NORMAL_FORM[kind](once) == once


@given(rules(), texts, labels)
def test_an_identity_is_its_own_identity(some: list[IdentityRule], name: str, given_labels: dict[str, str]) -> None:
    identities = Identities(some)
    once = identities.apply(name, given_labels)
    assert identities.apply(*once) == once


@given(rules(), texts, labels, st.data())
def test_neither_the_order_of_rules_nor_that_of_kinds_nor_that_of_labels_matters(
    some: list[IdentityRule], name: str, given_labels: dict[str, str], data: st.DataObject
) -> None:
    shuffled = [
        IdentityRule(
            one.ref,
            drop=one.drop,
            normalise=tuple(data.draw(st.permutations(one.normalise))),
            name=tuple(data.draw(st.permutations(one.name))),
        )
        for one in data.draw(st.permutations(some))
    ]
    turned = dict(data.draw(st.permutations([*given_labels.items()])))
    assert Identities(shuffled).apply(name, turned) == Identities(some).apply(name, given_labels)


@given(rules(), texts, labels)
def test_nothing_grows_or_becomes_empty_and_no_label_comes_about(
    some: list[IdentityRule], name: str, given_labels: dict[str, str]
) -> None:
    left_name, left = Identities(some).apply(name, given_labels)
    assert 0 < len(left_name) <= len(name)
    assert all(0 < len(value) <= len(given_labels[label]) for label, value in left.items())


@given(
    st.text("ab1é", max_size=300), st.text("ab1é", min_size=1, max_size=64), st.sampled_from(["a", "[ab]+", "(a)|b|."])
)
def test_a_pattern_of_the_tenant_s_own_leaves_a_text_within_the_limits(text: str, replace: str, pattern: str) -> None:
    own = Normalisation("job", pattern=pattern, replace=replace)
    one = IdentityRule(
        RuleRef("identity_rule", "own", 1), normalise=(own,), name=(Normalisation(None, None, pattern, replace),)
    )
    name, left = Identities([one]).apply("n" + text, {"job": text})
    assert name
    assert len(name.encode()) <= max(limits.NAME, len(text.encode()) + 1)
    assert len(left.get("job", "").encode()) <= limits.LABEL_VALUE
