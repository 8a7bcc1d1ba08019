"""What the tests of the window of kept records share: a ledger in a folder, panes on it, films."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from workstation.paths import DataDir
from workstation.scp.film import Film, write_films
from workstation.scp.ledger import Ledger, Record
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Theme


def data_set(**values: Any) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


@dataclass
class Keeping:
    """Services as far as the window uses them, with a real ledger and real jobs."""

    folder: Path
    ledger: Ledger
    films: Path
    theme: Theme
    tasks: Tasks
    folders: DataDir

    def step(self, name: str = "Miller^Anna", state: str = "IN PROGRESS", peer: str = "CT1", **more: Any) -> Record:
        """Keep a performed procedure step."""
        attributes = data_set(PatientName=name, PatientID="P1", Modality="CT", **more)
        return self.ledger.add("procedure-step", str(generate_uid()), attributes, state=state, peer=peer)

    def job(self, *, has_film: bool = True, state: str = "DONE") -> Record:
        """Keep a print job."""
        facts: dict[str, object] = {"films": 1, "copies": 2}
        if has_film:
            facts["file"] = f"{uuid.uuid4().hex}.dcm"
            film = Film(layout="STANDARD\\1,1", size="8INX10IN", border="WHITE", empty="WHITE")
            write_films(self.films / str(facts["file"]), [film], Dataset(), sop_instance_uid=str(generate_uid()))
        attributes = data_set(ExecutionStatus=state, FilmSessionLabel="Hip")
        return self.ledger.add("print-job", str(generate_uid()), attributes, state=state, peer="CT1", facts=facts)
