"""Print what the servers without a window need: the program's requirements without Qt. For the Containerfile."""

import sys
import tomllib
from pathlib import Path

QT = ("pyside6", "qasync")


def main() -> None:
    """One requirement a line."""
    project = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    for requirement in project["project"]["dependencies"]:
        if not requirement.lower().startswith(QT):
            sys.stdout.write(f"{requirement}\n")


if __name__ == "__main__":
    main()
