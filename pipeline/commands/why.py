"""`core-alerts why`: what happened to an alert, and because of which rule by whom."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pipeline.commands.context import (
    FAILED,
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
    from pipeline.ledger.rule_versions import RuleVersions
    from pipeline.ledger.why_search import Search

_CONTROL = "control"


def why(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose alert.")],
    alert: Annotated[
        str,
        typer.Argument(
            metavar="FINGERPRINT",
            help="Its fingerprint, at least 4 characters of its beginning, or name=ALERTNAME.",
        ),
    ],
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="From then on. 2026-11-26T10:00:00Z, or 2h for 2 hours ago."),
    ] = None,
    file: LedgerFileOption = None,
    control: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|FILE",
            help="With --file, the rules for their comments: a folder, or a recording of the topic `control`.",
        ),
    ] = None,
    incidents: IncidentsFileOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Tell what happened to an alert, and why.

    Every change of it is a line: when it was (UTC), what it was, how often the alert had fired by then, and whether
    it was shown or hidden. Below it stands why: what hid it, which version of which rule, by whom and with what
    comment; what let it pass although it might have hidden it; and who was asked and had nothing against it. What
    the pipeline itself had to tell of that time stands between: a storm, a maintenance window, a reminder. A score is
    told with the features that weigh most in it, and how far each is from its usual, and of an alert that begins it is
    told how soon it was expected to end. Last come the incidents that the alert is or was in, why it joined each, and
    the likeliest cause.

    It reads the topics as they are now, back to what they still keep: alerts.enriched for the alert, control for
    the comments, alerts.correlated for the incidents. Where several alerts fit they are listed, and the exit code is
    1, as where none does.

    \b
    Example:
      core-alerts why acme e05c2add
      core-alerts why acme name=HighCPU --since 2h
      core-alerts replay alerts.jsonl --control rules/ --out changes.jsonl
      core-alerts why acme name=HighCPU --file changes.jsonl --control rules/
    """  # noqa: D301
    from pipeline.ledger.entries import Ledger
    from pipeline.ledger.incidents import IncidentLedger
    from pipeline.ledger.why import names_rules, tell
    from pipeline.ledger.why_incidents import AlertIncidents
    from pipeline.ledger.why_search import Search, Wanted
    from pipeline.ledger.why_text import story_lines

    check_incidents(incidents, file)
    if control is not None and file is None:
        raise ConfigurationError("--control goes with --file: without it the topic itself is read. Leave it out.")
    search = Search(Wanted.parse(alert))
    begin = None if since is None else _moment(since)
    source = LedgerInput(file, None if file is not None else settings_for(context, config).connection())
    ledger = Ledger(tenant)
    with counting("Reading") as show:
        for entry in source.entries(ledger, begin):
            search.take(entry)
            show(ledger.count)
    found = search.only
    if found is None:
        _list(search, source, ledger.tenant, as_json=as_json)
        if not search.alerts:
            source.tell_nothing_found(ledger, f"alert {search.wanted}")
        raise typer.Exit(FAILED)
    versions = _versions(source, tenant, control, are_needed=names_rules(found.entries))
    came_to = AlertIncidents(found.newest.record.fingerprint)
    for record in incidents_of(IncidentLedger(tenant), incidents, source.connection, begin):
        came_to.take(record)
    story = tell(found.entries, search.own, versions, came_to.said())
    if as_json:
        print_json(story.as_json())
        return
    for line in story_lines(story):
        typer.echo(printable(line))


def _list(search: "Search", source: LedgerInput, tenant: str, *, as_json: bool) -> None:
    from pipeline.ledger.why_text import LISTED, choices

    found = choices(search.alerts)
    if as_json:
        print_json({"alerts": msgspec.to_builtins(found), "of": len(search.alerts)})
    elif found:
        print_table(["fingerprint", "alert", "state", "verdict", "newest change"], [one.row for one in found])
    if found:
        say(
            printable(f"{len(search.alerts):,} alerts of {tenant} fit {search.wanted}")
            + (f"; {LISTED} are listed" if len(search.alerts) > LISTED else "")
            + ". Give the fingerprint of one of them."
        )


def _moment(text: str) -> int:
    from pipeline.topic_range import moment_of

    return moment_of("--since", text, now_ms())


def _versions(source: LedgerInput, tenant: str, path: Path | None, *, are_needed: bool) -> "RuleVersions":
    """Return what the topic `control`, a recording of it, or a folder says of the tenant's rules."""
    from pipeline.ledger.rule_versions import RuleVersions

    if path is not None:
        from pipeline.replay_control import read_control

        given = RuleVersions(are_known=True)
        for record in read_control(path).records:
            given.take(record.key, record.value)
        return given
    if source.connection is None or not are_needed:
        return RuleVersions(are_known=False)
    from pipeline.topic_reading import read_partition

    versions = RuleVersions(are_known=True)
    ours = f"{tenant}/".encode()
    for message in read_partition(source.connection, _CONTROL, tenant):
        if (message.key() or b"").startswith(ours):
            versions.take(message.key(), message.value())
    return versions
