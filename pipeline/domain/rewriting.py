"""Rewriting texts by a pattern that a tenant wrote: RE2, bounded memory, and a bounded result."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import re2

from pipeline.domain import patterns

if TYPE_CHECKING:
    from collections.abc import Callable

REPLACEMENTS: Final = 64  # in one text; what comes after them stays as it is
PATTERN: Final = 1024  # bytes
PROGRAM: Final = 1000  # instructions of RE2, about 20 for a common pattern
# Instructions × bytes searched, for all replacements in one text; the first search is always made. The worst pattern
# found takes 20 ns for each, so that no text of 4 KiB takes more than 80 ms, and none of 100 bytes more than 6 ms.
WORK: Final = 2_000_000
TEMPLATE: Final = 256  # bytes
_COMPILED: Final = 512  # kept
_REFERENCE: Final = re.compile(r"\\(.?)", re.DOTALL)


class RewriteError(ValueError):
    """A pattern or its replacement cannot be used; the text says why and what to write instead."""


@lru_cache(maxsize=_COMPILED)
def rewriter(pattern: str, template: str, limit: int) -> Callable[[str], str]:
    r"""Return what replaces each match of `pattern` in a text and cuts the result at `limit` bytes.

    In the template, \1 to \9 are groups, \0 is the whole match and \\ a backslash. A match of nothing changes
    nothing. Raises RewriteError.
    """
    compiled = _compiled(pattern)
    pieces = _pieces(template, compiled.groups)
    size = compiled.programsize

    def rewrite(text: str) -> str:
        # Bytes, since RE2 thinks in them. A lone surrogate cannot come from JSON; it is no reason to stop.
        data = text.encode(errors="surrogatepass")
        parts: list[bytes] = []
        end = work = 0
        for match in islice(compiled.finditer(data), REPLACEMENTS):
            start, stop = match.span()
            work += size * (len(data) - stop)  # what the next search may take
            if start == stop:
                if work > WORK:
                    break
                continue
            parts.append(data[end:start])
            parts += [match.group(piece) or b"" if isinstance(piece, int) else piece for piece in pieces]
            end = stop
            if work > WORK:
                break
        if not parts:
            return text
        parts.append(data[end:])
        return b"".join(parts)[:limit].decode(errors="ignore")

    return rewrite


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = patterns.MEMORY
    if not pattern:
        raise RewriteError("the pattern is empty: write what is to be replaced, such as '-[0-9a-f]{8}'")
    try:
        if len(pattern.encode()) > PATTERN:
            raise RewriteError(f"the pattern has more than {PATTERN} bytes: write a shorter one, or several")
        compiled: Any = re2.compile(pattern, options)
    except UnicodeEncodeError:
        raise RewriteError("the pattern is not valid UTF-8: leave out its lone surrogates") from None
    except re2.error as error:
        raise RewriteError(f"the pattern {pattern!r} is refused ({_reason(error)}): use RE2 syntax") from None
    if compiled.programsize > PROGRAM:
        raise RewriteError(
            f"the pattern {pattern!r} is too large: write lower numbers of repetitions, and [a-z] for \\pL"
        )
    return compiled


def _pieces(template: str, groups: int) -> list[bytes | int]:
    """Return a template as texts and numbers of groups."""
    if len(template.encode(errors="surrogatepass")) > TEMPLATE:
        raise RewriteError(f"the replacement has more than {TEMPLATE} bytes: write a shorter one")
    pieces: list[bytes | int] = []
    end = 0
    for found in _REFERENCE.finditer(template):
        pieces.append(template[end : found.start()].encode(errors="surrogatepass"))
        end = found.end()
        if found[1] == "\\":
            pieces.append(b"\\")
        elif found[1] in "0123456789" and found[1] and int(found[1]) <= groups:
            pieces.append(int(found[1]))
        else:
            known = f"\\0 to \\{groups}" if groups else "\\0, as the pattern has no groups"
            raise RewriteError(f"the replacement says {found[0]}: write {known}, or \\\\ for a backslash")
    pieces.append(template[end:].encode(errors="surrogatepass"))
    return [piece for piece in pieces if piece != b""]


def _reason(error: re2.error) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
