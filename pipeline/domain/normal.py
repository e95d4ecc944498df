"""What in a text changes from one start of a thing to the next, and the text without it.

Each kind puts `*` in the place of what changes, only where the form leaves no doubt, and in time that grows with the
text alone. Doing it again changes nothing.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


class Normal(StrEnum):
    """A part of a text that changes without its being another thing."""

    POD_HASH = "pod_hash"
    REPLICA_SET_HASH = "replica_set_hash"
    PORT = "port"
    UUID = "uuid"
    TIMESTAMP = "timestamp"
    NUMBER = "number"


IN_ORDER: Final = (
    Normal.TIMESTAMP,
    Normal.UUID,
    Normal.PORT,
    Normal.POD_HASH,
    Normal.REPLICA_SET_HASH,
    Normal.NUMBER,
)
"""The order in which several kinds go over one text: then none makes what an earlier one would have taken."""

# Five of the 27 characters of k8s.io/apimachinery/pkg/util/rand: no vowels, so that no words come about.
_RANDOM: Final = "[bcdfghjklmnpqrstvwxz2456789]{5}"
# A pod template's hash is a number of 32 bits whose decimal digits are written with ten of those characters.
_HASH: Final = "[4-9bcdf]"
# Before the pod's own suffix also what a CronJob puts there, the minute or the second.
_OWNER: Final = rf"(?:{_HASH}{{6,10}}|[0-9]{{8,10}})"
# What people write with those characters all the same. Five digits are rather a number than chance (1 in 900).
_WORDS: Final = (
    "btrfs|dhcpd|grpcs|html[245]|http2|httpd|https|jdk[0-9]{2}|mqtts|mssql|nfsd4|pgsql|php[0-9]{2}|rtmps|rtsps|sftpd"
    "|smtpd|smtps|snmpd|sshfs|tftpd|tmpfs|vsftp|xhtml|[0-9]{5}"
)
_AFTER: Final = r"(?![\w*-])"
_POD: Final = re.compile(
    rf"(?<=[A-Za-z0-9])-(?:{_OWNER}-{_RANDOM}|(?!(?:{_WORDS}){_AFTER}){_RANDOM}){_AFTER}", re.ASCII
)
# Short ones need a letter: they could be numbers otherwise.
_REPLICA_SET: Final = re.compile(
    rf"(?:^|(?<=[A-Za-z0-9]-))(?:{_HASH}{{9,10}}|(?=[0-9]*[bcdf]){_HASH}{{6,8}}){_AFTER}", re.ASCII
)
# An address is a whole text, or one by its looks inside another text: `main.py:120` is none.
_ADDRESS: Final = re.compile(
    r"((?:[a-z][a-z0-9+.-]*://)?(?:\[[0-9a-f:.%]+\]|(?![0-9]+:)[\w.*-]+)):[0-9]{1,5}(?=/|\Z)", re.ASCII | re.IGNORECASE
)
_ADDRESS_INSIDE: Final = re.compile(
    r"((?<![\w.])[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|\blocalhost|(?<=[0-9a-f:])\]):[0-9]{1,5}(?![\w*:-]|\.\w)",
    re.ASCII | re.IGNORECASE,
)
_X: Final = "[0-9A-Fa-f]"
_ALONE: Final = "(?<![0-9A-Za-z*])"
_ENDS: Final = "(?![0-9A-Za-z*])"
_UUID: Final = re.compile(
    rf"(?:{_ALONE}|(?<=pod)){_X}{{8}}([-_]){_X}{{4}}\1{_X}{{4}}\1{_X}{{4}}\1{_X}{{12}}{_ENDS}|{_ALONE}{_X}{{32}}{_ENDS}"
)
_DAY: Final = "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK: Final = "[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
_ZONE: Final = "(?: ?Z| ?[+-][0-9]{2}:?[0-9]{2})?"
_TIMESTAMP: Final = re.compile(
    rf"{_ALONE}(?:{_DAY}(?:[T ]{_CLOCK}{_ZONE})?|[0-9]{{8}}T[0-9]{{6}}Z?|1[0-9]{{9}}(?:[0-9]{{3}})?){_ENDS}"
)
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def _without_ports(text: str) -> str:
    if ":" not in text:
        return text
    address = _ADDRESS.match(text)
    if address is not None:
        text = text[: address.end(1)] + text[address.end() :]
        if ":" not in text:
            return text
    return _ADDRESS_INSIDE.sub(r"\1", text)


NORMAL_FORM: Final[dict[Normal, Callable[[str], str]]] = {
    Normal.POD_HASH: partial(_POD.sub, "-*"),
    Normal.REPLICA_SET_HASH: partial(_REPLICA_SET.sub, "*"),
    Normal.PORT: _without_ports,
    Normal.UUID: partial(_UUID.sub, "*"),
    Normal.TIMESTAMP: partial(_TIMESTAMP.sub, "*"),
    Normal.NUMBER: partial(_NUMBER.sub, "*"),
}
"""What a text is without the parts of a kind.

pod_hash: `checkout-7d9f8b6c4d-x2x9z`, `node-exporter-x7k2p` and `backup-28391040-x2x9z` lose their endings; the
ordinal of `web-0` stays, as it says which pod of a StatefulSet it is. replica_set_hash: `checkout-7d9f8b6c4d`.
port: `10.0.0.7:9100`, `[::1]:9100`, `http://db:80/x`. uuid: with `-` or `_`, or 32 hexadecimal digits.
timestamp: ISO 8601, a day alone too, and seconds or milliseconds since 1970 (from 2001 to 2033). number: digits.
"""
