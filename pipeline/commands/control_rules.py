"""`core-alerts control get`, `delete` and `export`: the rules as they are on the topic."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.context import (
    FAILED,
    ConfigOption,
    JsonOption,
    print_json,
    print_table,
    say,
    settings_for,
)
from pipeline.commands.control_topic import AuthorOption, check_key, live, record_as_json, state_of, writer_of

_TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="Whose rules.")]


def get(
    context: typer.Context,
    tenant: _TenantArgument,
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="Such as silence; without it, all.")] = None,
    rule_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One rule; without it, all.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the rules of a tenant.

    One rule is shown as the YAML that `apply` takes, several as a table. The exit code is 1 if there are none.

    \b
    Example:
      core-alerts control get acme silence db-upgrade
    """  # noqa: D301
    from pipeline.control.export import document_of
    from pipeline.domain.timestamps import to_text

    check_key(tenant, kind)
    state = state_of(settings_for(context, config).connection(), [tenant])
    found = [record for record in live(state) if kind in (None, record.kind) and rule_id in (None, record.id)]
    if as_json:
        print_json([record_as_json(record) for record in found])
    elif rule_id is not None and found:
        (record,) = found
        typer.echo(f"# version {record.version} of {to_text(record.updated_at)}\ntenant: {record.tenant_id}")
        typer.echo(document_of(record), nl=False)
    elif found:
        rows = [(one.kind, one.id, one.version, one.author, to_text(one.updated_at), one.comment) for one in found]
        print_table(["kind", "id", "version", "author", "updated at", "comment"], rows, numbers=["version"])
    if not found:
        say(f"There is no rule {'/'.join(filter(None, (tenant, kind, rule_id)))}.")
        raise typer.Exit(FAILED)


def delete(
    context: typer.Context,
    tenant: _TenantArgument,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Such as silence.")],
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="Which rule.")],
    author: AuthorOption = "",
    comment: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Delete a rule.

    A last version that says so is written, so it stays known who deleted it, when and why. The exit code is 1 if
    there is no such rule.

    \b
    Example:
      core-alerts control delete acme silence db-upgrade --comment "done early"
    """  # noqa: D301
    from pipeline.control.kafka import write_control
    from pipeline.schemas.control_records import ControlKey

    writer = writer_of(author)
    check_key(tenant, kind)
    connection = settings_for(context, config).connection()
    state = state_of(connection, [tenant])
    known = state.records.get(ControlKey(tenant, kind, rule_id))
    if known is None or known.deleted:
        say(f"There is no rule {tenant}/{kind}/{rule_id}.")
        raise typer.Exit(FAILED)
    version = writer.delete(known, comment)
    write_control(connection, [version])
    if as_json:
        print_json(record_as_json(version))
    else:
        say(f"Deleted {known.key} (version {version.version}).")


def export(
    context: typer.Context,
    tenants: Annotated[list[str], typer.Argument(metavar="TENANT...", help="Whose rules.")],
    out: Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="A folder that is new or empty.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write the rules of tenants as a folder.

    `apply` finds that folder unchanged. There is one file for each tenant and kind.

    \b
    Example:
      core-alerts control export acme globex --out rules/
    """  # noqa: D301
    from pipeline.control.export import export_files
    from pipeline.domain.errors import ConfigurationError

    if out.exists() and any(out.iterdir()):
        raise ConfigurationError(f"--out: {out} is not empty. Give a new folder, so that nothing old stays in it.")
    for tenant in tenants:
        check_key(tenant)
    records = live(state_of(settings_for(context, config).connection(), tenants))
    files = export_files(records)
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    if as_json:
        print_json({"rules": len(records), "files": [str(out / name) for name in files]})
    else:
        say(f"Wrote {len(records)} rules to {len(files)} files in {out}.")
