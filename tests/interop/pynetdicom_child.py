"""The child process of `pynetdicom_process`: calls come in as lines of JSON, and each is answered with one."""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback

from pydicom.uid import UID
from pynetdicom_races import mend


def main() -> None:
    """Answer calls to a program on pynetdicom until the input ends."""
    mend()
    # pynetdicom copies all contexts with each association, which takes it 15 ms; what never changes needs no copy
    UID.__deepcopy__ = lambda uid, _: uid  # type: ignore[attr-defined]
    program = importlib.import_module(sys.argv[1]).Program("pynetdicom", "PYNETDICOM")
    for line in sys.stdin:
        wanted = json.loads(line)
        try:
            answer = {"result": getattr(program, wanted["call"])(**wanted["arguments"])}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)
    os._exit(0)  # its servers look only twice a second whether to end


if __name__ == "__main__":
    main()
