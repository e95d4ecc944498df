"""Which Maven repositories this machine is set up to use."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import jgo

SETTINGS_FILE = Path("~/.m2/settings.xml")

_STANDS_FOR_CENTRAL = {"central", "*", "external:*", "external:http:*"}


def repositories(settings_file: Path = SETTINGS_FILE) -> dict[str, str]:
    """Return name → URL of the repositories to ask, in order.

    A mirror of Maven's own settings file stands in for Maven Central; without one, the repositories of jgo's settings
    file come before Central.
    """
    mirror = mirror_of_central(settings_file.expanduser())
    if mirror is not None:
        return {"mirror": mirror}
    return {**jgo.GlobalSettings.load().repositories, "central": jgo.MAVEN_CENTRAL_URL}


def mirror_of_central(settings_file: Path) -> str | None:
    """Return the URL of the first mirror that covers Maven Central in a `settings.xml`, or None."""
    try:
        # The operator's own file, which Maven trusts with running code.
        root = ElementTree.parse(settings_file).getroot()  # noqa: S314
    except (OSError, ElementTree.ParseError):
        return None
    for mirror in root.iterfind("{*}mirrors/{*}mirror"):
        covered = {name.strip() for name in (mirror.findtext("{*}mirrorOf") or "").split(",")}
        url = (mirror.findtext("{*}url") or "").strip().rstrip("/")
        if url and covered & _STANDS_FOR_CENTRAL and "!central" not in covered:
            return url
    return None
