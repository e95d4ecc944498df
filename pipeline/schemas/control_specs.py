"""The `spec` of each kind of control record, as it is written; a field that says the default is left out again."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import NODEFAULT, Meta, field

from pipeline.domain.normal import Normal
from pipeline.schemas.control_fields import (
    Count,
    Day,
    Duration,
    Flag,
    LabelName,
    LabelNames,
    MatcherTexts,
    Matching,
    Spec,
    Timed,
)
from pipeline.schemas.control_problems import from_validation

_TWO_NAMES: Final = "[cluster, {source: node, target: instance}]"
_ONE_SOURCE: Final = "[{matchers: ['alertname=\"NodeDown\"']}]"


class SilenceSpec(Timed, kw_only=True):
    """The alerts that are not told meanwhile."""

    expire_on_resolve: Flag = False
    remind_before: Duration | None = None


class MaintenanceWindowSpec(Timed, kw_only=True):
    """The alerts that somebody causes meanwhile by working there."""


class CalendarSpec(Spec, kw_only=True):
    """Days that are no working days."""

    country: Annotated[str, Meta(description="a country by ISO 3166", examples=["DE"])] | None = None
    subdivision: Annotated[str, Meta(description="a part of the country by ISO 3166", examples=["BY"])] | None = None
    dates: tuple[Day, ...] = ()


class EqualNames(Spec, kw_only=True):
    """A label of the source whose value the target has under another name."""

    source: LabelName
    target: LabelName


Equal = Annotated[
    tuple[LabelName | EqualNames, ...],
    Meta(max_length=64, description="a list of names of labels", examples=[_TWO_NAMES]),
]


class SourceSpec(Matching, kw_only=True):
    """One alert that has to fire."""

    equal: Equal | None = None


Sources = Annotated[
    tuple[SourceSpec, ...], Meta(min_length=1, max_length=16, description="a list of sources", examples=[_ONE_SOURCE])
]


class InhibitRuleSpec(Spec, kw_only=True):
    """Alerts (targets) that are not told while others (sources) fire."""

    sources: Sources | None = None
    target: Annotated[Matching, Meta(description="matchers", examples=["{matchers: ['job=\"node\"']}"])] | None = None
    source_matchers: MatcherTexts | None = None
    target_matchers: MatcherTexts | None = None
    equal: Equal = ()


class StormPolicySpec(Spec, kw_only=True):
    """When a tenant has too many alerts to tell each."""

    enabled: Flag = True
    floor: Annotated[int, Meta(ge=1, le=10**9, description="alerts a minute", examples=[500])] | None = None
    factor: Annotated[float, Meta(ge=1, le=1000, description="a number from 1", examples=[4.0])] = 4.0
    quiet_minutes: Annotated[int, Meta(ge=1, le=1440, description="minutes", examples=[5])] = 5


class FlapPolicySpec(Matching, kw_only=True):
    """When an alert changes too often to tell each change."""

    enabled: Flag = True
    window: Duration = "30m"
    start_at: Count = 6
    end_at: Annotated[int, Meta(ge=0, le=2**31, description="a whole number below start_at", examples=[2])] = 2


Part = Annotated[Normal, Meta(description=f"one of {', '.join(Normal)}", examples=[Normal.POD_HASH])]


class NameRewrite(Spec, kw_only=True):
    """One way to make texts that differ in a changing part equal."""

    as_: Part | None = field(name="as", default=None)
    pattern: Annotated[str, Meta(description="a regular expression of RE2", examples=["'-[0-9a-f]{8}'"])] | None = None
    replace: Annotated[str, Meta(description="text, with \\1 for the first group", examples=['""'])] | None = None


class LabelRewrite(NameRewrite, kw_only=True):
    """The same for one label."""

    label: LabelName


class IdentityRuleSpec(Matching, kw_only=True):
    """Which alerts count as one although their labels differ."""

    drop: LabelNames = ()
    normalise: tuple[LabelRewrite, ...] = ()
    name: tuple[NameRewrite, ...] = ()


class DeadMansSwitchSpec(Spec, kw_only=True):
    """An alert that says by firing that all is well."""

    id: Annotated[str, Meta(min_length=1, max_length=128, description="a name of its own", examples=["prometheus"])]
    matchers: MatcherTexts
    within: Duration


class ThrottleSpec(Spec, kw_only=True):
    """How many changes a minute leave."""

    enabled: Flag = True
    per_minute: Count = 1200
    burst: Count = 1200
    name_per_minute: Count = 120
    name_burst: Count = 120


class BudgetSpec(Spec, kw_only=True):
    """How many changes a day may be suppressed by policies before they stop."""

    suppressed_per_day: Annotated[int, Meta(ge=0, description="a whole number", examples=[100_000])] = 100_000
    warn_at: Annotated[float, Meta(gt=0, le=1, description="a share of it", examples=[0.8])] = 0.8


class NoiseSpec(Spec, kw_only=True):
    """From which score on alerts that nobody will care about are hidden."""

    hide_from: Annotated[float, Meta(ge=0.5, le=1, description="a number from 0.5 to 1", examples=[0.98])]


Names = Annotated[tuple[str, ...], Meta(max_length=256, description="names of alerts", examples=["[Watchdog]"])]


class TenantSpec(Spec, kw_only=True):
    """What holds for all alerts of a tenant."""

    always_pass: Names = ("Watchdog",)
    dead_mans_switches: Annotated[tuple[DeadMansSwitchSpec, ...], Meta(max_length=64)] = ()
    max_silence: Duration | None = None
    never_suppress: Annotated[str, Meta(description="a severity", examples=["critical"])] = "critical"
    throttle: ThrottleSpec | None = None
    budget: BudgetSpec = field(default_factory=BudgetSpec)
    noise: NoiseSpec | None = None


Node = Annotated[str, Meta(min_length=1, max_length=256, description="the id of a node", examples=["checkout"])]
Said = Annotated[str, Meta(max_length=256, description="text", examples=["HighCPU"])]


class NodeSpec(Spec, kw_only=True):
    """One node of a topology."""

    id: Node
    type: Said = ""


class EdgeSpec(Spec, kw_only=True):
    """One edge; its ends may be called source and target, or from and to, its kind label or type."""

    source: Node | None = None
    target: Node | None = None
    from_: Node | None = field(name="from", default=None)
    to: Node | None = None
    label: Said | None = None
    type: Said | None = None


class TopologySpec(Spec, kw_only=True):
    """A part of what a tenant's systems are made of; all its parts together are the graph."""

    nodes: Annotated[
        tuple[NodeSpec | Node, ...], Meta(description="a list of nodes", examples=["[{id: checkout, type: Service}]"])
    ] = ()
    edges: Annotated[
        tuple[EdgeSpec, ...],
        Meta(description="a list of edges", examples=["[{source: checkout, target: cart, label: calls}]"]),
    ] = ()
    labels: LabelNames | None = None
    values: Annotated[
        dict[str, Node], Meta(description="values and their nodes", examples=['{"10.0.0.7:9100": node-7}'])
    ] = field(default_factory=dict)


class FeedbackSpec(Spec, kw_only=True):
    """What somebody says of an alert or an incident; deleting it takes it back."""

    says: Annotated[
        Literal["belongs", "does_not_belong", "root_cause", "noise", "wanted"],
        Meta(description="belongs, does_not_belong, root_cause, noise or wanted", examples=["noise"]),
    ]
    incident: Said = ""
    fingerprint: Said = ""
    node: Said = ""
    name: Said = ""
    source: Said = ""
    instance: Said = ""
    severity: Annotated[str, Meta(description="a severity", examples=["warning"])] = "warning"


SPECS: Final[dict[str, type[Spec]]] = {
    "silence": SilenceSpec,
    "maintenance_window": MaintenanceWindowSpec,
    "calendar": CalendarSpec,
    "inhibit_rule": InhibitRuleSpec,
    "storm_policy": StormPolicySpec,
    "flap_policy": FlapPolicySpec,
    "identity_rule": IdentityRuleSpec,
    "tenant": TenantSpec,
    "topology": TopologySpec,
    "feedback": FeedbackSpec,
}
"""Every kind that a control record may have: the one list of them."""

_DECODERS: Final = {kind: msgspec.json.Decoder(spec) for kind, spec in SPECS.items()}
_encode: Final = msgspec.json.Encoder().encode


def read_spec(kind: str, spec: bytes) -> Any:
    """Return the spec of a known kind, its own types checked, nothing in it interpreted.

    Raises:
        InvalidControlError: with the path below `spec`.
    """
    try:
        return _DECODERS[kind].decode(spec)
    except msgspec.ValidationError as error:
        raise from_validation(error, SPECS[kind], ("spec",)) from None


def write_spec(spec: Spec) -> bytes:
    """Return a spec as JSON: fields in one order, without those that say their default."""
    return _encode(_plain(spec))


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in sorted(value.items())}
    if not isinstance(value, msgspec.Struct):
        return value
    said = [(one, getattr(value, one.name)) for one in msgspec.structs.fields(value)]
    return {one.encode_name: _plain(given) for one, given in said if given != _default(one)}


def _default(of: msgspec.structs.FieldInfo) -> object:
    return of.default if of.default_factory is NODEFAULT else of.default_factory()
