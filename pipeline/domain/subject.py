"""What matchers look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ANNOTATIONS = "annotations."
"""What the name of a field begins with that means an annotation."""

_NONE: Mapping[str, str] = {}


class Subject:
    """One alert as matchers see it: named texts, where what is missing is the same as what is empty.

    `fields` are the labels and `alertname`, which is always the alert's name; `severity` and `source` are the alert's
    own unless a label is called so. Annotations are read only when a matcher asks for one, so they may be a function.
    """

    __slots__ = ("_annotations", "fields", "name")

    def __init__(
        self,
        name: str,
        labels: Mapping[str, str],
        severity: str = "warning",
        source: str | None = None,
        annotations: Mapping[str, str] | Callable[[], Mapping[str, str]] = _NONE,
    ) -> None:
        self.name = name
        fields = {**labels, "alertname": name}
        if severity and not fields.get("severity"):
            fields["severity"] = severity
        if source and not fields.get("source"):
            fields["source"] = source
        self.fields = fields
        self._annotations = annotations

    def get(self, field: str) -> str:
        """Return the text of `field`, "" for one that is missing."""
        value = self.fields.get(field)
        if value is not None:
            return value
        if field.startswith(ANNOTATIONS):
            return self._annotation(field.removeprefix(ANNOTATIONS))
        return ""

    def _annotation(self, name: str) -> str:
        if callable(self._annotations):
            self._annotations = self._annotations()
        return self._annotations.get(name, "")
