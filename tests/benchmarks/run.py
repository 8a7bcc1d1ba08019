"""The benchmark command (`make bench`): this project, DCMTK, Orthanc and pynetdicom on the same work, side by side.

    python tests/benchmarks/run.py [--list] [--only echo,store] [--rounds 3] [--quick] [--json FILE]

docs/BENCHMARKS.md says what each work is. Not part of the test suite: a time that is asserted is a test that fails on a
busy machine.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "interop")]

from bench import Bench, Cell, Results, Work, measure  # noqa: E402
from report import as_json, from_json, goals, in_words, machine, machine_of, rows, text  # noqa: E402
from targets import judged  # noqa: E402
from works import WORKS  # noqa: E402


def main() -> int:
    """Measure, print, keep; returns 1 if something could not be measured that should have been."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="say which works there are, and end")
    parser.add_argument("--only", default="", help="works, with commas between; all without")
    parser.add_argument("--clients", default="", help="clients (the beginning of their names), with commas between")
    parser.add_argument("--servers", default="", help="servers, in the same way")
    parser.add_argument("--rounds", type=int, default=3, help="how often each cell is measured; default 3")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller: does it run at all?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep everything in a file as well")
    parser.add_argument("--tables", type=Path, nargs="+", metavar="FILE", help="measure nothing: what these files have")
    options = parser.parse_args()
    if options.list:
        for work in WORKS:
            print(f"{work.name:12} {work.title}")
        return 0
    if options.tables:
        texts = [path.read_text() for path in options.tables]
        for known in sorted({machine_of(kept) for kept in texts}):
            print(known)
        together = from_json(texts)
        for work in WORKS:
            show(work, together)
        return show_targets(together)
    chosen = set(filter(None, options.only.split(",")))
    unknown = chosen - {work.name for work in WORKS}
    if unknown:
        parser.error(f"there is no work {', '.join(sorted(unknown))}: see --list")
    # Servers and files go whichever way this ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    clients, servers = (tuple(text.split(",")) for text in (options.clients, options.servers))

    def wanted(cell: Cell) -> bool:
        return cell.client.startswith(clients) and cell.server.startswith(servers)

    facts = machine()
    print(in_words(facts))
    results = Results()
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=memory) as fast,
        tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp" if Path("/var/tmp").is_dir() else None) as disk,
    ):
        bench = Bench(Path(fast), Path(disk), options.quick)
        for work in WORKS:
            if chosen and work.name not in chosen:
                continue
            measure(work, bench, options.rounds, results, wanted)
            show(work, results)
    for what, reason in bench.left_out.items():
        print(f"\nLeft out: {what}: {reason}")
    if options.json:
        options.json.write_text(as_json(facts, options.rounds, results, judged(results)))
    return show_targets(results)


def show(work: Work, results: Results) -> None:
    """Print the table of a work, if there is anything in it."""
    table = rows(work, results)
    if len(table) > 1:
        print(f"\n{work.title}\n\n{text(table)}", flush=True)


def show_targets(results: Results) -> int:
    """Print which targets are reached, and what failed; 1 if something did."""
    targets = judged(results)
    if targets:
        print(f"\nTargets of this project\n\n{text(goals(targets))}")
    for failure in results.failures:
        print(f"\nFailed: {failure}")
    return int(bool(results.failures))


if __name__ == "__main__":
    raise SystemExit(main())
