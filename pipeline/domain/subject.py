"""What matchers look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

ANNOTATIONS = "annotations."
"""What the name of a field begins with that means an annotation."""


class Subject(msgspec.Struct, eq=False, gc=False):
    """One alert as matchers see it: named texts, where what is missing is the same as what is empty.

    Most alerts are looked at by no matcher, so its texts are put together when somebody asks for them. Annotations are
    read only when a matcher asks for one, so they may be a function.
    """

    name: str
    labels: Mapping[str, str]
    severity: str = "warning"
    source: str | None = None
    annotations: Mapping[str, str] | Callable[[], Mapping[str, str]] = {}
    _fields: dict[str, str] | None = None

    @property
    def fields(self) -> dict[str, str]:
        """Return the labels and `alertname`, which is always the alert's name.

        `severity` and `source` are the alert's own unless a label is called so.
        """
        fields = self._fields
        if fields is None:
            fields = self._fields = {**self.labels, "alertname": self.name}
            if self.severity and not fields.get("severity"):
                fields["severity"] = self.severity
            if self.source and not fields.get("source"):
                fields["source"] = self.source
        return fields

    def get(self, field: str) -> str:
        """Return the text of `field`, "" for one that is missing."""
        value = (self._fields or self.fields).get(field)
        if value is not None:
            return value
        if field.startswith(ANNOTATIONS):
            return self._annotation(field.removeprefix(ANNOTATIONS))
        return ""

    def _annotation(self, name: str) -> str:
        if callable(self.annotations):
            self.annotations = self.annotations()
        return self.annotations.get(name, "")
