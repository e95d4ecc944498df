r"""The two syntaxes of Alertmanager's matchers, and the one way of writing that both read alike.

Classic: the name is of [a-zA-Z0-9_:], the value anything, quoted or not; \n, \" and \\ are escapes, any other
backslash is itself. UTF-8: the name and the value are anything but reserved characters, or quoted with Go's escapes.
Source: prometheus/alertmanager, docs/configuration.md, "Matcher", and the behaviour of its parsers.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# As Go's unicode.IsSpace has it. Python's str.isspace takes four control characters more.
_SPACE = r"\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_PLAIN = rf"""[^{_SPACE}{{}}!=~,\\"'`]+"""
_QUOTED = r'"(?:[^"\\]|\\.)*"'

_BLANK = re.compile(f"[{_SPACE}]*")
_EDGES = re.compile(rf"\A[{_SPACE}]+|[{_SPACE}]+\Z")
_WORD = re.compile(f"{_PLAIN}|{_QUOTED}", re.DOTALL)
_OPERATOR = re.compile("=~|!~|!=|=")
_GO_ESCAPE = re.compile(
    r'\\(?:(?P<letter>[abfnrtv\\"])|x(?P<hex>[0-9a-fA-F]{2})|(?P<octal>[0-3][0-7]{2})'
    r"|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8}))|(?P<wrong>[\\\n])"
)
_GO_LETTERS = dict(zip('abfnrtv\\"', b'\a\b\f\n\r\t\v\\"', strict=True))

_CLASSIC = re.compile(r"[\t\n\f\r ]*([a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(=~|!~|!=|=)(.*)", re.DOTALL)
_CLASSIC_VALUE = re.compile(rf'{_QUOTED}|(?:[^"\\]|\\.)*\\?', re.DOTALL)
_CLASSIC_ESCAPE = re.compile(r'\\([n"\\])')

_SHOWN = 80  # characters of a text that a message quotes


class MatcherError(ValueError):
    """A matcher cannot be used; the text says what, where, and the remedy."""


class UnreadableError(MatcherError):
    """A text is not of this syntax; it may be of the other."""


class Condition(NamedTuple):
    """A matcher as it is written; what it means nobody has looked at yet."""

    field: str
    operator: str
    value: str


def condition_text(field: str, operator: str, value: str) -> str:
    """Return the canonical text of one matcher, which the syntaxes that can read it read alike."""
    name = field if re.fullmatch(_PLAIN, field) else _quoted(field)
    return f"{name}{operator}{_quoted(value)}"


def read_utf8(text: str) -> list[Condition]:
    """Return the conditions of `text` in the UTF-8 syntax; the braces are both there or neither is."""
    conditions: list[Condition] = []
    place = _past_blank(text, 0)
    braced = text.startswith("{", place)
    if braced:
        place = _past_blank(text, place + 1)
    while place < len(text) and text[place] != "}":
        field, place = _word(text, place, "a label name")
        operator = _OPERATOR.match(text, place)
        if operator is None:
            raise _unreadable(text, place, "one of = != =~ !~")
        value, place = _word(text, _past_blank(text, operator.end()), "a value")
        conditions.append(Condition(field, operator[0], value))
        if not text.startswith(",", place):
            break
        place = _past_blank(text, place + 1)
    if braced:
        if not text.startswith("}", place):
            raise _unreadable(text, place, "a comma or }")
        place = _past_blank(text, place + 1)
    if place < len(text):
        raise _unreadable(text, place, "the end" if braced else "a comma or the end")
    return conditions


def read_classic(text: str) -> list[Condition]:
    """Return the conditions of `text` in the classic syntax, where each brace is optional by itself."""
    closed = text.endswith("}")
    *items, last = _items(text.removeprefix("{").removesuffix("}"))
    last = _EDGES.sub("", last)
    if last:  # a comma at the end is allowed, and so is no matcher at all
        items.append(last)
    conditions = [read_classic_one(item) for item in items]
    # Alertmanager reads `a=~b{2}` as `b{2`, which is a valid expression for something else.
    if closed and conditions and '"' not in last and last.count("{") > last.count("}"):
        raise MatcherError(f"cannot read {_shown(text)}: it is open whose the last brace is; quote the value")
    return conditions


def read_classic_one(text: str) -> Condition:
    """Return the one condition of `text` in the classic syntax; a comma belongs to the value."""
    parts = _CLASSIC.fullmatch(text)
    if parts is None:
        raise _unreadable(text, 0, "NAME OPERATOR VALUE")
    field, operator, value = parts.groups()
    value = value.strip("\t\n\f\r ")
    if not _CLASSIC_VALUE.fullmatch(value):
        raise _unreadable(text, text.index('"'), r"quotes around the whole value, and \" for one inside it")
    if value.startswith('"'):
        value = value[1:-1]
    return Condition(field, operator, _CLASSIC_ESCAPE.sub(lambda found: found[1].replace("n", "\n"), value))


def _items(text: str) -> list[str]:
    """Return what stands between the commas outside quotes."""
    items: list[str] = []
    start, quoted, escaped = 0, False, False
    for place, character in enumerate(text):
        if character == ",":
            if not quoted:
                items.append(text[start:place])
                start = place + 1
        elif character == '"':
            quoted ^= not escaped
            escaped = False
        else:
            escaped = character == "\\" and not escaped
    return [*items, text[start:]]


def _past_blank(text: str, place: int) -> int:
    blank = _BLANK.match(text, place)
    return blank.end() if blank else place


def _word(text: str, place: int, expected: str) -> tuple[str, int]:
    """Return the word at `place`, without its quotes, and the place of what follows it."""
    word = _WORD.match(text, place)
    if word is None:
        raise _unreadable(text, place, expected)
    if not word[0].startswith('"'):
        return word[0], _past_blank(text, word.end())
    try:
        return _without_escapes(word[0][1:-1]), _past_blank(text, word.end())
    except ValueError:
        raise _unreadable(text, place, r"\\ for each backslash in quotes, and only escapes that are UTF-8") from None


def _without_escapes(text: str) -> str:
    """Return what a text in Go's double quotes stands for; raises ValueError where Go's strconv.Unquote fails."""
    written = bytearray()
    place = 0
    for escape in _GO_ESCAPE.finditer(text):
        written += text[place : escape.start()].encode()
        written += _bytes_of(escape)
        place = escape.end()
    written += text[place:].encode()
    return written.decode()


def _bytes_of(escape: re.Match[str]) -> bytes:
    if escape["wrong"]:
        raise ValueError("no such escape")
    if escape["letter"]:
        return bytes([_GO_LETTERS[escape["letter"]]])
    if escape["hex"]:
        return bytes.fromhex(escape["hex"])
    if escape["octal"]:
        return bytes([int(escape["octal"], 8)])
    return chr(int(escape["short"] or escape["long"], 16)).encode()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return f'"{escaped}"'


def _unreadable(text: str, place: int, expected: str) -> UnreadableError:
    return UnreadableError(
        f"cannot read {_shown(text)}: expected {expected} at character {place + 1}; "
        'write NAME OPERATOR "VALUE", such as job=~"db-.*"'
    )


def _shown(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else repr(text[:_SHOWN]) + "…"
