"""Keys of the partition store. Nothing else builds or reads one.

Every key of a tenant is `kind NUL tenant NUL rest`. A tenant's name holds no NUL, so no rest can reach
into another tenant's keys, whatever it contains.
"""

from __future__ import annotations

from hashlib import blake2b

ALERT = b"a"
COUNTERS = b"c"
DELIVERY = b"d"
CONTROL = b"k"
TENANT = b"s"
NAME = b"n"
KNOWN = b"g"
JOURNAL = b"j"
RATE = b"b"
RATES_KNOWN = b"v"
RATES_JOURNAL = b"w"
IDS = b"i\0"
PROGRESS = b"p\0"
PENDING_CONTROL = b"q\0"
MINUTE = b"m\0"  # no row: what rings at the end of a minute


def alert(tenant: str, fingerprint: str) -> bytes:
    """Return the key of an alert's row."""
    return f"a\0{tenant}\0{fingerprint}".encode()


def counters(tenant: str, number: int) -> bytes:
    """Return the key of the row with this number of counters of a tenant's alerts."""
    return f"c\0{tenant}\0{number:016x}".encode()


def number_of(counters_key: bytes) -> int:
    """Return the number in the key of a row of counters."""
    return int(counters_key[-16:], 16)


def delivery(tenant: str, *said: str | int | None) -> bytes:
    """Return the key of one delivery: everything that makes two records copies of each other, in `said`."""
    # A sender's text may hold any separator, so the length stands before each part; nothing has no length.
    parts = "".join(["-" if part is None else f"{len(str(part))}:{part}" for part in said])
    return b"d\0" + tenant.encode() + b"\0" + blake2b(parts.encode(), digest_size=16).digest()


def forward(tenant: str, partition: int) -> bytes:
    """Return the key of how far a tenant's records on a wrong partition were sent on."""
    return f"f\0{tenant}\0{partition}".encode()


def control(tenant: str, kind: str, rule_id: str) -> bytes:
    """Return the key of the newest version of a control record."""
    return f"k\0{tenant}\0{kind}/{rule_id}".encode()


def tenant(name: str) -> bytes:
    """Return the key of what a tenant's suppression stands at."""
    return f"s\0{name}\0".encode()


def name(tenant: str, name: str) -> bytes:
    """Return the key of when a tenant's alerts were first called so."""
    return f"n\0{tenant}\0{name}".encode()


def known(tenant: str, kind: bytes = KNOWN) -> bytes:
    """Return the key of everything an agent knows of a tenant, as of the last time it was written whole."""
    return b"%b\0%b\0" % (kind, tenant.encode())


def journal(tenant: str, number: int, kind: bytes = JOURNAL) -> bytes:
    """Return the key of part `number` of what has happened to a tenant since then."""
    return b"%b\0%b\0%016x" % (kind, tenant.encode(), number)


def rate(tenant: str) -> bytes:
    """Return the key of how many alerts a tenant has sent since its models of rates were last asked."""
    return f"b\0{tenant}\0".encode()


def ids(tenant: str, number: int) -> bytes:
    """Return the key of part `number` of the ids of a tenant's inputs that have been processed."""
    return f"i\0{tenant}\0{number:016x}".encode()


def rest_of(key: bytes) -> str:
    """Return what a key holds after its tenant."""
    return key.split(b"\0", 2)[2].decode()


def tenant_of(key: bytes) -> str:
    """Return whose row a key belongs to."""
    return key.split(b"\0", 2)[1].decode()
