from __future__ import annotations

import timeit

import pytest

from pipeline.domain.fingerprint import fingerprint_of
from pipeline.domain.identity_rules import Identities, IdentityRule, IdentityRuleError, Normalisation
from pipeline.domain.matchers import EVERYTHING, Matcher, Matchers, Operator
from pipeline.domain.normal import NORMAL_FORM, Normal
from pipeline.domain.rule import RuleRef

POD = Normalisation("pod", Normal.POD_HASH)


def rule(rule_id: str = "pods", *normalise: Normalisation, **fields: object) -> IdentityRule:
    return IdentityRule(RuleRef("identity_rule", rule_id, 1), normalise=normalise, **fields)  # type: ignore[arg-type]


def where(field: str, value: str) -> Matchers:
    return Matchers(((Matcher(field, Operator.EQUAL, value),),))


# -- what each kind takes away


@pytest.mark.parametrize(
    ("kind", "text", "left"),
    [
        (Normal.POD_HASH, "checkout-7d9f8b6c4d-x2x9z", "checkout-*"),
        (Normal.POD_HASH, "checkout-7d9f8b6c4d-bcdfg", "checkout-*"),
        (Normal.POD_HASH, "ad-service-canary-6b4f5-hm27x", "ad-service-canary-6b4f5-*"),
        (Normal.POD_HASH, "node-exporter-x7k2p", "node-exporter-*"),
        (Normal.POD_HASH, "kube-proxy-zqwrt", "kube-proxy-*"),
        (Normal.POD_HASH, "backup-28391040-x2x9z", "backup-*"),
        (Normal.POD_HASH, "indexed-job-3-x2x9z", "indexed-job-3-*"),
        (Normal.POD_HASH, "shop/checkout-7d9f8b6c4d-x2x9z", "shop/checkout-*"),
        (Normal.POD_HASH, "Pod cart-7d9f8b6c4d-x2x9z restarted, see node-exporter-x7k2p.", None),
        (Normal.REPLICA_SET_HASH, "checkout-7d9f8b6c4d", "checkout-*"),
        (Normal.REPLICA_SET_HASH, "7d9f8b6c4d", "*"),
        (Normal.REPLICA_SET_HASH, "5d4f99", "*"),
        (Normal.PORT, "10.0.0.7:9100", "10.0.0.7"),
        (Normal.PORT, "db-1.shop.svc:5432", "db-1.shop.svc"),
        (Normal.PORT, "[2001:db8::7]:9100", "[2001:db8::7]"),
        (Normal.PORT, "http://10.0.0.7:9386/login", "http://10.0.0.7/login"),
        (Normal.PORT, "Target 10.0.0.7:9100 and localhost:53 down", "Target 10.0.0.7 and localhost down"),
        (Normal.UUID, "0d4d4d2f-cb2c-4e6d-9d5e-0123456789AB", "*"),
        (Normal.UUID, "kubepods-pod0d4d4d2f_cb2c_4e6d_9d5e_0123456789ab.slice", "kubepods-pod*.slice"),
        (Normal.UUID, "trace d41d8cd98f00b204e9800998ecf8427e failed", "trace * failed"),
        (Normal.TIMESTAMP, "2026-11-26T10:00:00Z", "*"),
        (Normal.TIMESTAMP, "backup at 2026-11-26 10:00:00,123 +02:00 failed", "backup at * failed"),
        (Normal.TIMESTAMP, "backup_2026-11-26", "backup_*"),
        (Normal.TIMESTAMP, "dump.20261126T100000Z", "dump.*"),
        (Normal.TIMESTAMP, "run-1795413600", "run-*"),
        (Normal.TIMESTAMP, "run-1795413600123", "run-*"),
        (Normal.NUMBER, "Disk /dev/sda1 is 93.5% full", "Disk /dev/sda* is *% full"),
        (Normal.NUMBER, "web-0", "web-*"),
    ],
)
def test_what_changes_with_each_start_is_taken_out(kind: Normal, text: str, left: str | None) -> None:
    assert NORMAL_FORM[kind](text) == (left or "Pod cart-* restarted, see node-exporter-*.")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Normal.POD_HASH, "web-0"),
        (Normal.POD_HASH, "web-1"),
        (Normal.POD_HASH, "postgres-12345"),
        (Normal.POD_HASH, "apache-httpd"),
        (Normal.POD_HASH, "gateway-https"),
        (Normal.POD_HASH, "shop-pgsql"),
        (Normal.POD_HASH, "blog-php82"),
        (Normal.POD_HASH, "kafka-broker"),
        (Normal.POD_HASH, "node-exporter-abcde"),
        (Normal.POD_HASH, "checkout-7d9f8b6c4d"),
        (Normal.POD_HASH, "x2x9z"),
        (Normal.POD_HASH, "ip-10-0-0-7"),
        (Normal.REPLICA_SET_HASH, "checkout"),
        (Normal.REPLICA_SET_HASH, "order-456789"),
        (Normal.REPLICA_SET_HASH, "deadbeef"),
        (Normal.REPLICA_SET_HASH, "checkout-7d9f8b6c4d-x2x9z"),
        (Normal.PORT, "main.py:120 failed"),
        (Normal.PORT, "10:30"),
        (Normal.PORT, "2001:db8::7"),
        (Normal.PORT, "aa:bb:cc:dd:ee:ff"),
        (Normal.PORT, "Error: 404"),
        (Normal.UUID, "0d4d4d2f-cb2c-4e6d-9d5e"),
        (Normal.UUID, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (Normal.TIMESTAMP, "17954136001"),
        (Normal.TIMESTAMP, "2026-13-26"),
        (Normal.TIMESTAMP, "v1.2.3"),
        (Normal.NUMBER, "HighCPU"),
    ],
)
def test_what_is_not_sure_stays_as_it_is(kind: Normal, text: str) -> None:
    assert NORMAL_FORM[kind](text) == text


# -- what rules make of an alert


def test_a_pod_that_restarts_three_times_is_one_alert() -> None:
    identities = Identities([rule("pods", POD, drop=("pod_template_hash", "uid"))])
    pods = [("7d9f8b6c4d", "x2x9z"), ("7d9f8b6c4d", "q8w5r"), ("59f8c4b6d7", "zt4x2")]
    fingerprints = {
        fingerprint_of(
            *identities.apply(
                "KubePodCrashLooping",
                {"namespace": "shop", "pod": f"checkout-{owner}-{own}", "pod_template_hash": owner, "uid": own * 7},
            )
        )
        for owner, own in pods
    }
    assert len(fingerprints) == 1


def test_two_pods_of_a_stateful_set_stay_two_alerts() -> None:
    identities = Identities([rule("pods", POD)])
    assert identities.apply("Down", {"pod": "web-0"}) != identities.apply("Down", {"pod": "web-1"})


def test_two_pods_of_a_stateful_set_are_one_alert_where_numbers_are_asked_for() -> None:
    identities = Identities([rule("pods", POD, Normalisation("pod", Normal.NUMBER))])
    assert identities.apply("Down", {"pod": "web-0"}) == identities.apply("Down", {"pod": "web-1"})


def test_pods_of_two_deployments_stay_two_alerts() -> None:
    identities = Identities([rule("pods", POD)])
    assert identities.apply("Down", {"pod": "cart-7d9f8b6c4d-x2x9z"}) == ("Down", {"pod": "cart-*"})
    assert identities.apply("Down", {"pod": "shop-7d9f8b6c4d-x2x9z"}) == ("Down", {"pod": "shop-*"})


def test_a_reading_in_a_name_does_not_make_another_alert() -> None:
    identities = Identities([rule("readings", name=(Normalisation(None, Normal.NUMBER),))])
    assert identities.apply("Disk 93% full", {"host": "db-1"}) == ("Disk *% full", {"host": "db-1"})


def test_without_rules_an_alert_is_who_it_was() -> None:
    labels = {"pod": "checkout-7d9f8b6c4d-x2x9z"}
    assert Identities([]).apply("Down", labels) == ("Down", labels)
    assert (bool(Identities([])), bool(Identities([rule()]))) == (False, True)


def test_what_is_given_is_not_changed() -> None:
    labels = {"pod": "checkout-7d9f8b6c4d-x2x9z", "uid": "1"}
    Identities([rule("pods", POD, drop=("uid",))]).apply("Down", labels)
    assert labels == {"pod": "checkout-7d9f8b6c4d-x2x9z", "uid": "1"}


def test_the_name_remains_when_every_label_goes() -> None:
    emptying = Normalisation("b", pattern=".+", replace="")
    assert Identities([rule("all", emptying, drop=("a",))]).apply("Down", {"a": "1", "b": "2"}) == ("Down", {})


def test_a_name_of_which_nothing_would_remain_stays_as_it_was() -> None:
    emptying = Normalisation(None, pattern=".+", replace="")
    assert Identities([rule("all", name=(emptying,))]).apply("Down", {}) == ("Down", {})


def test_a_label_of_which_nothing_remains_is_no_label() -> None:
    emptying = Normalisation("build", pattern="^#[0-9]+$", replace="")
    assert Identities([rule("builds", emptying)]).apply("Down", {"build": "#77"}) == ("Down", {})


def test_a_label_that_an_alert_does_not_have_does_not_appear() -> None:
    assert Identities([rule("pods", POD)]).apply("Down", {"job": "db"}) == ("Down", {"job": "db"})


# -- several rules


def test_all_rules_that_match_apply_in_the_order_of_their_ids() -> None:
    first = rule("a", Normalisation("job", pattern="db", replace="database"))
    second = rule("b", Normalisation("job", pattern="database", replace="store"))
    for rules in ([first, second], [second, first]):
        assert Identities(rules).apply("Down", {"job": "db"}) == ("Down", {"job": "store"})


def test_a_rule_is_for_the_alerts_that_it_matches_only() -> None:
    identities = Identities([rule("shop", POD, matchers=where("namespace", "shop"))])
    pod = "checkout-7d9f8b6c4d-x2x9z"
    assert identities.apply("Down", {"namespace": "shop", "pod": pod})[1]["pod"] == "checkout-*"
    assert identities.apply("Down", {"namespace": "lab", "pod": pod})[1]["pod"] == pod


def test_what_one_rule_leaves_out_another_still_matches() -> None:
    dropping = rule("a", drop=("namespace",))
    matching = rule("b", POD, matchers=where("namespace", "shop"))
    labels = {"namespace": "shop", "pod": "checkout-7d9f8b6c4d-x2x9z"}
    assert Identities([dropping, matching]).apply("Down", labels) == ("Down", {"pod": "checkout-*"})


def test_a_rule_can_match_the_name() -> None:
    identities = Identities([rule("a", drop=("uid",), matchers=where("alertname", "Down"))])
    assert identities.apply("Down", {"uid": "1"}) == ("Down", {})
    assert identities.apply("Slow", {"uid": "1"}) == ("Slow", {"uid": "1"})


def test_the_severity_of_an_alert_is_not_part_of_who_it_is() -> None:
    identities = Identities([rule("a", drop=("uid",), matchers=where("severity", "warning"))])
    assert identities.apply("Down", {"uid": "1"}) == ("Down", {"uid": "1"})
    assert identities.apply("Down", {"uid": "1", "severity": "warning"}) == ("Down", {"severity": "warning"})


def test_the_rules_that_made_an_alert_who_it_is_can_be_named() -> None:
    other = rule("z", drop=("uid",), matchers=where("job", "db"))
    identities = Identities([other, rule("all", POD, matchers=EVERYTHING)])
    assert [ref.id for ref in identities.rules_of("Down", {"job": "db"})] == ["all", "z"]
    assert [ref.id for ref in identities.rules_of("Down", {"job": "web"})] == ["all"]


def test_many_combinations_of_rules_are_each_told_apart() -> None:
    rules = [rule(f"r{number}", drop=(f"d{number}",), matchers=where(f"m{number}", "1")) for number in range(9)]
    identities = Identities(rules)
    for combination in range(512):
        asked = [number for number in range(9) if combination >> number & 1]
        labels = {f"d{number}": "x" for number in range(9)} | {f"m{number}": "1" for number in asked}
        left = identities.apply("Down", labels)[1]
        assert {label for label in left if label.startswith("d")} == {f"d{n}" for n in range(9) if n not in asked}


# -- patterns of the tenant's own


@pytest.mark.parametrize(
    ("pattern", "replace", "value", "left"),
    [
        ("-blue$|-green$", "", "checkout-green", "checkout"),
        ("^([a-z]+)-[a-z]+-[0-9]+$", r"\1", "payment-worker-17", "payment"),
        ("([a-z]+)@([a-z]+)", r"\2 of \1, \0", "ada@acme", "acme of ada, ada@acme"),
        ("(a)|b", r"<\1>", "ab", "<a><>"),
        ("x", r"\\", "axb", "a\\b"),
        ("é", "ü", "café", "cafü"),
        ("z", "-", "café", "café"),
        ("[0-9]*", "#", "a12b", "a#b"),
    ],
)
def test_a_pattern_replaces_each_match_with_its_template(pattern: str, replace: str, value: str, left: str) -> None:
    custom = Normalisation("label", pattern=pattern, replace=replace)
    assert Identities([rule("own", custom)]).apply("Down", {"label": value})[1] == {"label": left}


def test_a_pattern_and_kinds_on_one_label_go_in_the_order_written() -> None:
    custom = Normalisation("pod", pattern="^canary-", replace="")
    labels = {"pod": "canary-checkout-7d9f8b6c4d-x2x9z"}
    assert Identities([rule("own", custom, POD)]).apply("Down", labels)[1] == {"pod": "checkout-*"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, r"the label 'pod' needs either a kind \(pod_hash, .*number\) or a pattern, not both"),
        ({"kind": Normal.PORT, "pattern": "x"}, "needs either a kind .* or a pattern, not both"),
        ({"pattern": ""}, "the pattern is empty: write what is to be replaced"),
        ({"pattern": "(a"}, r"the label 'pod': the pattern '\(a' is refused \(missing \).*\): use RE2 syntax"),
        ({"pattern": "(?=a)"}, "use RE2 syntax"),
        ({"pattern": "a" * 1025}, "more than 1024 bytes"),
        ({"pattern": "(?:[a-z]{0,20}x){40}"}, "too large: write lower numbers of repetitions"),
        ({"pattern": "\ud800"}, "not valid UTF-8"),
        ({"pattern": "a", "replace": "b" * 257}, "the replacement has more than 256 bytes"),
        ({"pattern": "a", "replace": r"\1"}, r"says \\1: write \\0, as the pattern has no groups"),
        ({"pattern": "(a)", "replace": r"\2"}, r"says \\2: write \\0 to \\1, or \\\\ for a backslash"),
        ({"pattern": "a", "replace": "b\\"}, "the replacement says"),
        ({"pattern": "a", "replace": r"\n"}, "the replacement says"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_remedy(fields: dict[str, object], said: str) -> None:
    with pytest.raises(IdentityRuleError, match=said):
        Normalisation("pod", **fields)  # type: ignore[arg-type]


def test_a_refusal_says_that_it_is_about_the_name() -> None:
    with pytest.raises(IdentityRuleError, match="the name: the pattern is empty"):
        Normalisation(None, pattern="")


def test_a_rule_that_matches_an_annotation_is_refused() -> None:
    with pytest.raises(IdentityRuleError, match=r"about an annotation.*match labels or alertname"):
        rule("a", matchers=where("annotations.summary", "x"))


# -- bounds


def test_no_text_becomes_longer_than_it_may_be_in_a_record() -> None:
    growing = [Normalisation(label, pattern="a", replace="é" * 100) for label in ("job", None)]
    name, labels = Identities([rule("grow", growing[0], name=(growing[1],))]).apply("a" * 200, {"job": "a" * 4096})
    assert (len(name.encode()), len(labels["job"].encode())) == (256, 4096)


def test_what_follows_the_last_replacement_stays_as_it_is() -> None:
    custom = Normalisation("job", pattern="a", replace="b")
    assert Identities([rule("own", custom)]).apply("Down", {"job": "a" * 70})[1] == {"job": "b" * 64 + "a" * 6}


def test_a_pattern_that_costs_much_replaces_less() -> None:
    custom = Normalisation("job", pattern="a(?:[ab]*a[ab]{100}c)?", replace="b")
    left = Identities([rule("own", custom)]).apply("Down", {"job": "a" * 4000})[1]["job"]
    assert 0 < left.count("b") < 20


@pytest.mark.parametrize("kind", Normal)
@pytest.mark.parametrize("text", ["-bcdfg", "a:1 ", "10.0.0.1:", "[::1]:8", "2026-11-26 ", "0d4d4d2f-", "1."])
def test_a_value_as_long_as_may_be_takes_time_in_proportion(kind: Normal, text: str) -> None:
    form = NORMAL_FORM[kind]

    def best(length: int) -> float:
        value = (text * length)[:length]
        return min(timeit.repeat(lambda: form(value), number=3, repeat=5))

    # Eight times the text takes about eight times as long; were it quadratic, 64 times.
    assert best(4096) < 32 * best(512) + 0.001
