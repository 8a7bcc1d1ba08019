"""The benchmark command: its tables fit together, and a small work runs. No time is asserted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench import Bench, Cell, Figure, Results, Work, measure
from report import as_json, from_json, goals, rows, text
from servers import OURS
from targets import TARGETS, At, Target, judged
from works import WORKS, repeated

RUN = Path(__file__).parent / "benchmarks" / "run.py"


def test_the_command_lists_its_works():
    done = subprocess.run([sys.executable, str(RUN), "--list"], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == [work.name for work in WORKS]


def test_a_work_that_is_not_there_is_named():
    done = subprocess.run([sys.executable, str(RUN), "--only", "ecko"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no work ecko" in done.stderr


def test_each_work_has_a_name_of_its_own_and_each_target_a_work_and_a_figure():
    works = {work.name: work for work in WORKS}
    assert len(works) == len(WORKS)
    assert len({target.title for target in TARGETS}) == len(TARGETS)
    for target in TARGETS:
        for at in filter(None, (target.measured, target.of, target.over)):
            figures = [figure.name for figure in works[at.work].figures]
            assert not figures or at.figure in figures


def test_echoes_are_measured(tmp_path: Path):
    figures = repeated.run(Bench(tmp_path, tmp_path, quick=True), "echo", OURS, OURS, 20)
    assert figures["rate"] > 0
    assert list(tmp_path.iterdir()) == []


def test_cells_run_in_turn_and_a_failure_does_not_end_the_run(tmp_path: Path):
    ran: list[str] = []

    def cell(name: str, figures: dict[str, float]) -> Cell:
        def run() -> dict[str, float]:
            ran.append(name)
            if not figures:
                raise ValueError("no answer")
            return figures

        return Cell(name, "server", "", run)

    cells = [cell("fast", {"rate": 30.0}), cell("broken", {}), cell("slow", {"rate": 10.0})]
    work = Work("a work", "A work", (Figure("rate", "/s"),), lambda _: cells, base=("slow", "server"))
    results = Results()
    measure(work, Bench(tmp_path, tmp_path), 2, results)
    assert ran == ["fast", "broken", "slow"] * 2
    assert results.failures == ["a work broken -> server: no answer"] * 2
    for kept in (results, from_json([as_json({}, 1, results, [])])):
        assert kept.failures == results.failures
        assert [line[:4] for line in rows(work, kept)[1:]] == [
            ["fast", "server", "30", "3.00"],
            ["slow", "server", "10", "1.00"],
        ]


def test_a_target_is_judged_once_its_figures_are_there():
    results = Results()
    assert judged(results) == []
    for client, rate in (("ours", 30.0), ("theirs", 10.0)):
        results.samples["echo", (client, "server", "")] = {"rate": [rate]}
    ours, theirs = At("echo", "ours", "server"), At("echo", "theirs", "server")
    of, over = Target("of", ">=", 3.5, ours, of=theirs), Target("over", "<=", 20, ours, over=theirs)
    values = [(target, target.value(results)) for target in (of, over)]
    assert text(goals((target, value) for target, value in values if value is not None)).splitlines()[2:] == [
        "| of     | >= 3.5 | 3        | NOT reached |",
        "| over   | <= 20  | 20       | reached     |",
    ]
