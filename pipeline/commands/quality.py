"""`core-alerts quality`: how good noise scores, incidents and root causes are, by a tenant's own feedback."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pipeline.commands.context import (
    ConfigOption,
    JsonOption,
    print_json,
    print_table,
    printable,
    say,
    settings_for,
)
from pipeline.commands.incident_input import IncidentsFileOption, check_incidents, incidents_of
from pipeline.commands.ledger_input import LedgerFileOption, LedgerInput, now_ms
from pipeline.commands.progress import counting
from pipeline.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.kafka_connection import KafkaConnection
    from pipeline.ledger.quality import Quality

_CONTROL = "control"


def quality(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose feedback.")],
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="What was said from then on. 2026-11-26T10:00:00Z, or 7d for 7 days ago."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="What was said before then, as if it were then.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="From which score on an alert counts as noise; without it, as the tenant says, or 0.9."
        ),
    ] = None,
    file: LedgerFileOption = None,
    incidents: IncidentsFileOption = None,
    control: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", dir_okay=False, help="With --file, the feedback: a recording of the topic `control`."
        ),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Hold what the pipeline told against what people said of it.

    What people say are control records of kind feedback; one that was deleted does not count, and of several on the
    same subject the newest does. Each is held against what was told before anybody spoke of that subject, so that
    nothing is judged by what it was taught: the score of an alert's last change (noise), what it was a member of
    (grouping), the ranking of root causes. An opinion without a severity is about warnings, as its default is; one
    without a source or an instance is about all of that name.

    It reads the topics control, alerts.enriched and alerts.correlated as they are now, back to what they still keep.
    Beside each share stands its 95 % interval (Wilson), for which every alert counts as one case.

    \b
    Example:
      core-alerts quality acme
      core-alerts quality acme --since 7d --threshold 0.98 --json
      core-alerts quality acme --file changes.jsonl --incidents incidents.jsonl --control control.jsonl
    """  # noqa: D301
    from pipeline.ledger.entries import Ledger
    from pipeline.ledger.incidents import IncidentLedger
    from pipeline.ledger.opinions import Opinions
    from pipeline.ledger.quality import QualityReading

    check_incidents(incidents, file)
    if (control is None) != (file is None):
        raise ConfigurationError("--file and --control go together: the one has the alerts, the other the feedback.")
    begin, end = (None if text is None else _moment(name, text) for name, text in (("since", since), ("until", until)))
    source = LedgerInput(file, None if file is not None else settings_for(context, config).connection())
    opinions = Opinions(tenant, end)
    for key, value in _control_records(tenant, control, source.connection):
        opinions.take(key, value)
    reading = QualityReading(tenant, opinions, threshold, begin)
    if reading.has_opinions:
        ledger = Ledger(tenant)
        with counting("Reading") as show:
            for entry in source.entries(ledger):
                reading.take_change(entry)
                show(ledger.count)
            for record in incidents_of(IncidentLedger(tenant), incidents, source.connection):
                reading.take_incident(record)
    found = reading.quality()
    if as_json:
        print_json(msgspec.to_builtins(found))
    else:
        _tell(found)


def _moment(name: str, text: str) -> int:
    from pipeline.topic_range import moment_of

    return moment_of(f"--{name}", text, now_ms())


def _control_records(
    tenant: str, path: Path | None, connection: "KafkaConnection | None"
) -> "Iterator[tuple[bytes | None, bytes | None]]":
    if connection is not None:
        from pipeline.topic_reading import read_partition

        for message in read_partition(connection, _CONTROL, tenant):
            yield message.key(), message.value()
    elif path is not None:
        from pipeline.replay_control import read_control

        for record in read_control(path).records:
            yield record.key, record.value


def _tell(found: "Quality") -> None:
    from pipeline.ledger.quality_text import notes, row

    if found.opinions:
        columns = ["what", "measure", "value", "95 %", "hits", "of", "counts"]
        print_table(columns, [row(one) for one in found.measures], numbers=["value", "hits", "of"])
    for note in notes(found):
        say(printable(note))
