"""What was measured, as tables to read and as JSON to keep."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from bench import Results, Work
from servers import program
from targets import Target


def machine() -> dict[str, str]:
    """What was measured on, and with which versions."""
    facts = {
        "machine": platform.platform(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
    }
    for package in ("pydicom", "pynetdicom", "PySide6-Essentials"):
        facts[package] = importlib.metadata.version(package)
    for name, command in (("DCMTK", "echoscu"), ("Orthanc", "Orthanc")):
        path = program(command)
        facts[name] = _version(path) if path else "not installed"
    return facts


def in_words(facts: dict[str, str]) -> str:
    """The machine in a line."""
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def machine_of(kept: str) -> str:
    """The machine of a kept run."""
    return in_words(json.loads(kept)["machine"])


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor()


def _version(path: str) -> str:
    said = subprocess.run([path, "--version"], check=False, capture_output=True, text=True).stdout
    found = re.search(r"\d+\.\d+\.\d+", said)
    return found[0] if found else "?"


def rows(work: Work, results: Results) -> list[list[str]]:
    """The table of a work: a heading, then a line for each cell, with medians and the ratio of the first figure."""
    cells = [key for name, key in results.samples if name == work.name]
    if not work.figures:
        return _listed(work, cells, results)
    variants = any(variant for _, _, variant in cells)
    heading = ["client", "server", *["variant"] * variants, work.figures[0].unit, "ratio"]
    table = [[*heading, *(figure.unit for figure in work.figures[1:])]]
    for client, server, variant in cells:
        values = [results.median(work.name, client, server, variant, figure.name) for figure in work.figures]
        texts = [
            "" if value is None else f"{value:,.{figure.digits}f}"
            for value, figure in zip(values, work.figures, strict=True)
        ]
        base = results.median(work.name, *work.base, variant, work.figures[0].name) if work.base else None
        ratio = f"{values[0] / base:.2f}" if values[0] is not None and base else ""
        table.append([client, server, *[variant] * variants, texts[0], ratio, *texts[1:]])
    return table


def _listed(work: Work, cells: Iterable[tuple[str, str, str]], results: Results) -> list[list[str]]:
    table = [["program", "figure", "median"]]
    for key in cells:
        for figure in results.samples[work.name, key]:
            value = results.median(work.name, *key, figure)
            table.append([key[0], figure, f"{value:,.{0 if value and value >= 100 else 2}f}"])
    return table


def text(table: Iterable[list[str]]) -> str:
    """A table as Markdown, in columns that line up."""
    lines = [list(line) for line in table]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    heading, *rest = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([heading, rule, *rest])


def goals(judged: Iterable[tuple[Target, float]]) -> list[list[str]]:
    """What this project wants to reach, and whether it does."""
    table = [["target", "wanted", "measured", ""]]
    for target, value in judged:
        wanted = f"{target.sign} {target.bound:g}"
        measured = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        table.append([target.title, wanted, measured, "reached" if target.reached(value) else "NOT reached"])
    return table


def as_json(facts: dict[str, str], rounds: int, results: Results, judged: Iterable[tuple[Target, float]]) -> str:
    """Everything, with each round's figure."""
    return json.dumps(
        {
            "machine": facts,
            "rounds": rounds,
            "samples": [
                {"work": work, "client": client, "server": server, "variant": variant, "figures": figures}
                for (work, (client, server, variant)), figures in results.samples.items()
            ],
            "targets": [
                {"title": target.title, "bound": target.bound, "value": value, "reached": target.reached(value)}
                for target, value in judged
            ],
            "failures": results.failures,
        },
        indent=1,
    )


def from_json(texts: Iterable[str]) -> Results:
    """What several runs kept, put together."""
    results = Results()
    for kept in map(json.loads, texts):
        results.failures += kept["failures"]
        for sample in kept["samples"]:
            key = sample["work"], (sample["client"], sample["server"], sample["variant"])
            for name, values in sample["figures"].items():
                results.samples.setdefault(key, {}).setdefault(name, []).extend(values)
    return results
