"""Reasons: why something was refused, ignored, told or moved. One word each, everywhere the same.

A member's value is the metric label, the log field, the header on a dead letter and the text on screen.
"""

from __future__ import annotations

from enum import StrEnum


class Rejection(StrEnum):
    """Why a record became a dead letter."""

    NULL_VALUE = "null_value"
    RECORD_TOO_LARGE = "record_too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NESTED_TOO_DEEP = "nested_too_deep"
    NOT_AN_OBJECT = "not_an_object"
    WRONG_TYPE = "wrong_type"
    MISSING_TENANT = "missing_tenant"
    INVALID_TENANT = "invalid_tenant"
    MISSING_NAME = "missing_name"
    NAME_TOO_LONG = "name_too_long"
    TOO_MANY_LABELS = "too_many_labels"
    LABEL_NAME_TOO_LONG = "label_name_too_long"
    LABEL_VALUE_TOO_LONG = "label_value_too_long"
    ID_TOO_LONG = "id_too_long"
    FINGERPRINT_TOO_LONG = "fingerprint_too_long"
    UNKNOWN_SEVERITY = "unknown_severity"
    UNKNOWN_STATUS = "unknown_status"
    INVALID_TIMESTAMP = "invalid_timestamp"
    WRONG_PARTITION = "wrong_partition"
    INVALID_CONTROL = "invalid_control"
    CONTROL_KEY_MISMATCH = "control_key_mismatch"


class Unchanged(StrEnum):
    """Why an accepted record changed nothing."""

    UNKNOWN_ALERT = "unknown_alert"
    ALREADY_RESOLVED = "already_resolved"
    OLDER_THAN_KNOWN = "older_than_known"
    DUPLICATE_DELIVERY = "duplicate_delivery"
    DUPLICATE_FORWARD = "duplicate_forward"
    OLDER_VERSION = "older_version"  # of a control record
    UNKNOWN_RULE = "unknown_rule"  # a control record that deletes what is not there


class Told(StrEnum):
    """Why a change left the ingest agent: the reason in its `lifecycle` decision."""

    FIRST_SEEN = "first_seen"
    FIRED_AGAIN = "fired_again"
    SEVERITY_CHANGED = "severity_changed"
    DIGEST_DUE = "digest_due"
    RESOLVED_BY_SENDER = "resolved_by_sender"
    ENDS_AT_PASSED = "ends_at_passed"
    NOT_SEEN_AGAIN = "not_seen_again"
    SUPPRESSION_BEGAN = "suppression_began"
    SUPPRESSION_ENDED = "suppression_ended"
    STATE_CHANGED_OFTEN = "state_changed_often"
    STATE_CHANGES_CEASED = "state_changes_ceased"
    OWN_ALERT = "own_alert"


class Stage(StrEnum):
    """What may suppress an alert, in the order in which it is asked."""

    SILENCE = "silence"
    MAINTENANCE = "maintenance"
    INHIBITION = "inhibition"
    FLAPPING = "flapping"
    STORM = "storm"
    NOISE = "noise"
    THROTTLE = "throttle"


class Ruled(StrEnum):
    """Why a stage suppressed an alert, or let it pass: the reason in its decision."""

    SILENCED = "silenced"
    IN_MAINTENANCE = "in_maintenance"
    INHIBITED = "inhibited"
    FLAPPING = "flapping"
    STORM = "storm"
    LIKELY_NOISE = "likely_noise"
    NOISE_BY_RECENT_RATE = "noise_by_recent_rate"  # its model does worse than that
    TENANT_RATE = "tenant_rate"
    NAME_RATE = "name_rate"

    NO_MATCH = "no_match"
    NEVER_SUPPRESSED = "never_suppressed"
    NEW_NAME = "new_name"
    WAS_SHOWN = "was_shown"
    SEVERITY_RAISED = "severity_raised"
    FLAPPING_BEGINS = "flapping_begins"
    STEADY_AGAIN = "steady_again"
    WITHIN_RATE = "within_rate"
    BUDGET_EXHAUSTED = "budget_exhausted"
    UNCHANGED = "unchanged"
