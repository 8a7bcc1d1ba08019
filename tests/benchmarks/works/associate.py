"""Associate, echo, release, again and again: what an association costs."""

from __future__ import annotations

from works.repeated import repeated

WORK = repeated("associate", "associate + echo + release", counts=(1000, 100), slow=(60, 10))
