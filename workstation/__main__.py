"""The composition root: reads the command line, looks for a display, then builds and runs the program.

Everything heavy is imported only once it is clear that a window will open; what needs none (exports of captures,
servers without a window) never imports Qt.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from workstation.cli import parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    options = parse(arguments)

    if options.exports:
        from workstation.exporting import export

        return export(options)
    if options.headless:
        from workstation.headless import serve

        return serve(options)

    from workstation.ui.display import display_problem

    problem = display_problem(os.environ)
    if problem:
        print(problem, file=sys.stderr)
        return 1

    # What a start makes stays: to search it for garbage again and again takes a tenth of the time.
    gc.disable()
    from workstation.ui.application import run

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
