"""The table of works: a module each, which says what is measured and how.

To add one: a module here that makes a `Work`, and its name in `WORKS`; a goal for it is a line in `targets.py`, and
what it is stands in docs/BENCHMARKS.md.
"""

from bench import Work

from works import associate, durable, echo, find, handlers, idle, many, retrieve, start, store, viewers

WORKS: tuple[Work, ...] = (
    echo.WORK,
    associate.WORK,
    *store.WORKS,
    durable.WORK,
    handlers.WORK,
    find.WORK,
    *retrieve.WORKS,
    many.WORK,
    idle.WORK,
    *start.WORKS,
    *viewers.WORKS,
)
