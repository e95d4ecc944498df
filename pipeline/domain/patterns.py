"""The regular expressions of matchers, on RE2: time in proportion to the text, whatever a tenant writes.

They are anchored: a pattern fits the whole of a text or not at all, and the dot is anything but a line feed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import re2

if TYPE_CHECKING:
    from collections.abc import Callable

# What RE2 may use for one pattern, its program and its automaton. The worst pattern found within 1 KiB and this much
# memory takes 50 ms for a value of 4 KiB and 0.2 ms for one of 100 bytes; ten times the memory admits little more.
MEMORY = 128 * 1024
COMPILED = 8 * 1024  # patterns kept, of 3 KiB each if they are common ones
REMEMBERED = 16 * 1024  # answers kept: alerts repeat their values
SHORT = 256  # characters of a text whose answer is kept

_ATOM = re.compile(r"\\(?P<escaped>[!-/:-@\[-`{-~])|(?P<plain>[^\\.+*?()|\[\]{}^$])|(?P<bar>\|)")
_PLAIN = re.compile(r"[^\\.+*?()|\[\]{}^$\n]+")
_LOOSE = re.compile(rf"(?P<before>\.\*)?(?P<text>{_PLAIN.pattern})(?P<after>\.\*)?")
_ANYTHING = re.compile(r"(?:\(\?s\))?(?:\.\*)+")


class PatternError(ValueError):
    """RE2 refuses a pattern; the text says why."""


def check(pattern: str) -> None:
    """Raise PatternError unless `pattern` can be used."""
    _tester(pattern)


def fits(pattern: str, text: str) -> bool:
    """Say whether `pattern` matches the whole of `text`."""
    return _remembered(pattern, text) if len(text) <= SHORT else _tester(pattern)(text)


def tester(pattern: str) -> Callable[[str], bool]:
    """Return `fits` for one pattern, for whoever asks often; it does not keep what RE2 made of the pattern."""
    plain = _without_re2(pattern)
    if plain is not None:
        return plain
    beginning = _beginning(pattern)
    return lambda text: text.startswith(beginning) and fits(pattern, text)


def literals(pattern: str) -> tuple[str, ...] | None:
    """Return the texts that `pattern` spells out, as `a|b|c` and `^(a|b)$` do, or None if it is more than that."""
    body = _bare(pattern)
    texts, place = [""], 0
    while place < len(body):
        atom = _ATOM.match(body, place)
        if atom is None:
            return None
        if atom["bar"]:
            texts.append("")
        else:
            texts[-1] += atom["escaped"] or atom["plain"]
        place = atom.end()
    return tuple(dict.fromkeys(texts))


def is_anything(pattern: str) -> bool:
    """Say whether `pattern` is a spelling of `.*`: it fits every text, but for line feeds."""
    return _ANYTHING.fullmatch(_bare(pattern)) is not None


def _bare(pattern: str) -> str:
    """Return `pattern` without the anchors and the one group around all of it, which change nothing.

    Where the last character is escaped, or the parentheses are not a pair, what remains is no list of literals.
    """
    body = pattern.removeprefix("^").removesuffix("$")
    if body.startswith("(") and body.endswith(")"):
        body = body[3:-1] if body.startswith("(?:") else body[1:-1]
    return body


@lru_cache(maxsize=COMPILED)
def _tester(pattern: str) -> Callable[[str], bool]:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY
    options.never_capture = True
    try:
        compiled: Any = re2.compile(pattern, options)
    except UnicodeEncodeError:
        raise PatternError("it is not valid UTF-8") from None
    except re2.error as error:
        raise PatternError(_reason(error)) from None
    return _without_re2(pattern) or _on_re2(compiled, _beginning(pattern))


def _without_re2(pattern: str) -> Callable[[str], bool] | None:
    """Return a test that is a twentieth of RE2's price, for the patterns that most people write; None for others."""
    spelled_out = literals(pattern)
    if spelled_out is not None:
        return frozenset(spelled_out).__contains__
    loose = _LOOSE.fullmatch(_bare(pattern))
    if loose is None:
        return None
    fixed = loose["text"]
    if not loose["before"]:
        return lambda text: text.startswith(fixed) and "\n" not in text
    if not loose["after"]:
        return lambda text: text.endswith(fixed) and "\n" not in text
    return lambda text: fixed in text and "\n" not in text


def _on_re2(compiled: Any, beginning: str) -> Callable[[str], bool]:
    # A lone surrogate cannot come from JSON; it is no reason to stop.
    return lambda text: (
        text.startswith(beginning) and compiled.fullmatch(text.encode(errors="surrogatepass")) is not None
    )


def _beginning(pattern: str) -> str:
    """Return what every text that fits begins with, as far as that is plain to see, escaped dots included."""
    if "|" in pattern:
        return ""
    text, place = "", 0
    while (atom := _ATOM.match(pattern, place)) is not None:
        text += atom["escaped"] or atom["plain"]
        place = atom.end()
    optional = pattern.startswith(("*", "?", "{"), place)
    return text[:-1] if optional else text


@lru_cache(maxsize=REMEMBERED)
def _remembered(pattern: str, text: str) -> bool:
    return _tester(pattern)(text)


def _reason(error: re2.error) -> str:
    reason = error.args[0] if error.args else b""
    return " ".join(reason.decode(errors="replace").split())  # on one line, whatever the pattern it repeats
