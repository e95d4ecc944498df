"""The reference pages and the example file, made from the settings classes and the metrics catalogue.

`python -m pipeline.dev.reference` writes them anew; a test says when that is due.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.metrics_catalogue import CATALOGUE
from pipeline.settings_catalogue import CACHE_VARIABLE, CONFIG_VARIABLE, catalogue, sections

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.metrics_catalogue import Definition
    from pipeline.settings_catalogue import Setting

_ORIGIN = "<!-- Made by `python -m pipeline.dev.reference`; edit the source, not this page. -->"
_WIDTH = 100


def settings_markdown() -> str:
    """Return docs/reference/settings.md."""
    intro = f"""\
# Settings
{_ORIGIN}

Settings come from a YAML file, named by `--config` or `{CONFIG_VARIABLE}`, and from environment variables, which win
over the file; what the command line gives wins over both. [core-alerts.example.yml](../../core-alerts.example.yml)
has every setting with its default. `core-alerts config check FILE` tells everything that is wrong with a file, with
its line and what to write instead.

- An empty value, in the file or in a variable, means the default.
- Durations: `250ms`, `90s`, `5m`, `1h30m`, `1d`, plain seconds, or ISO 8601 (`PT5M`). Sizes: `64MiB`, `500kB`, or
  plain bytes.
- Values are taken as they are written: `0123` stays `0123`, quotes are needed only where YAML asks for them. Anchors,
  aliases and tags are not taken, and a file may have 1 MiB.
- An unknown key, or an unknown variable that starts with `CORE_ALERTS_`, is an error. The variables Kubernetes sets
  for services (`…_SERVICE_HOST`, `…_PORT_80_TCP`) are passed over. `{CACHE_VARIABLE}` is no setting: it is where
  the development broker keeps its downloads.
"""
    pages = [intro, _section("General", "", (one for one in catalogue().values() if len(one.path) == 1))]
    for name, section in sections().items():
        inside = (one for one in catalogue().values() if one.path[0] == name and len(one.path) > 1)
        pages.append(_section(f"`{name}`", (section.__doc__ or "").strip(), inside))
    return "\n".join(pages)


def _section(title: str, text: str, settings: Iterable[Setting]) -> str:
    lines = [f"## {title}", *([text, ""] if text else [""])]
    for setting in settings:
        default = f"`{setting.default}`" if setting.default else "not set"
        wanted = setting.wanted[0].upper() + setting.wanted[1:]
        lines += [
            f"### `{setting.key}`",
            f"{setting.description}",
            "",
            f"{wanted}. Default: {default}. Variable: `{setting.variable}`.",
            "",
        ]
    return "\n".join(lines)


def metrics_markdown() -> str:
    """Return docs/reference/metrics.md."""
    intro = f"""\
# Metrics
{_ORIGIN}

A worker serves these at `/metrics` on `web.host`:`web.port`, beside `/livez` and `/readyz`. Its process's own figures
(`process_resident_memory_bytes`, `process_cpu_seconds_total`, `process_open_fds` and so on) are there too.

| metric | kind | labels | meaning |
|---|---|---|---|
"""
    return intro + "".join(f"{_metric_row(one)}\n" for one in CATALOGUE)


def _metric_row(metric: Definition) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    buckets = f" Buckets: {', '.join(f'{bound:g}' for bound in metric.buckets)}." if metric.buckets else ""
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.text}{buckets} |"


def example_yaml() -> str:
    """Return core-alerts.example.yml: every setting, explained, with its default."""
    lines = [
        "# Every setting of Core Alerts with its default. Copy what you change to core-alerts.yml;",
        f"# name that file with --config or {CONFIG_VARIABLE}. Check it: core-alerts config check core-alerts.yml",
    ]
    for setting in catalogue().values():
        if len(setting.path) == 1:
            lines += ["", *_yaml(setting, "")]
    for name, section in sections().items():
        lines += ["", f"# {(section.__doc__ or '').strip()}", f"{name}:"]
        for setting in catalogue().values():
            if setting.path[0] == name and len(setting.path) > 1:
                lines += _yaml(setting, "  ")
    return "\n".join(lines) + "\n"


def _yaml(setting: Setting, indent: str) -> list[str]:
    comment = textwrap.wrap(setting.description, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
    value = f"{setting.path[-1]}: {setting.default}" if setting.default else f"# {setting.path[-1]}: {setting.example}"
    return [*comment, f"{indent}{value}"]


GENERATED = {
    "docs/reference/settings.md": settings_markdown,
    "docs/reference/metrics.md": metrics_markdown,
    "core-alerts.example.yml": example_yaml,
}


def write_all(root: Path) -> None:
    """Write every generated file below `root`."""
    for name, generate in GENERATED.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(generate(), "utf-8")


if __name__ == "__main__":
    write_all(Path(__file__).parents[2])
