"""When a repeat of an open alert is told at once, because correlation must hear of it.

A repeat is a counter, and digests tell of it a minute later. That is too late where an alert that noise opened is what
an attack sets off again. So a repeat is told at once in two cases:

* `resumed`: it comes after a pause of at least three seconds that is also more than four times the alert's mean
  interval since it opened. An alert that is sent anew every minute resumes once at most, and then never.
* `surged`: it is the fourth in a row without such a pause of three seconds, and its burst was not told as `resumed`.

Either comes once for each burst: at most one record every three seconds for an alert, and none while it goes on.
"""

from __future__ import annotations

from typing import Final

import msgspec

PAUSE_MS: Final = 3_000
TIMES: Final = 4
SURGE: Final = 4  # repeats
RESUMED: Final = "resumed"
SURGED: Final = "surged"
_TOLD: Final = 0


class Burst(msgspec.Struct, gc=False):
    """What is remembered of an open alert's newest burst; a new one when the alert opens."""

    length: int = _TOLD  # records since the pause; 0: this burst was told of
    quiet_ms: int = 0  # the pause before it

    def repeat(self, pause: int, opened_ms: int, repeats: int) -> str | None:
        """Return what a repeat is told as, None: in a digest.

        `pause` is the time since the record before; `opened_ms` is that from the alert's first record to the record
        before, and `repeats` how many records came after the first until then. Times are milliseconds.
        """
        if pause >= PAUSE_MS:
            self.quiet_ms = pause
            if pause * max(1, repeats) > TIMES * opened_ms:
                self.length = _TOLD
                return RESUMED
            self.length = 1
            return None
        if self.length == _TOLD:
            return None
        self.length += 1
        if self.length < SURGE:
            return None
        self.length = _TOLD
        return SURGED
