"""Everything that the test server answers by itself: a line for each service class."""

from __future__ import annotations

from workstation.scp.answers.availability import Availability
from workstation.scp.answers.commitment import Commitment
from workstation.scp.answers.printing import Printing
from workstation.scp.answers.procedure_step import ProcedureSteps
from workstation.scp.answers.query_retrieve import QueryRetrieve
from workstation.scp.answers.registry import Registry
from workstation.scp.answers.storage import Storage, Verification
from workstation.scp.answers.ups import UnifiedProcedureSteps
from workstation.scp.answers.worklist import Worklist
from workstation.scp.surroundings import Surroundings


class BuiltIn(Registry):
    """The built-in answers of one server.

    Attributes:
        storage: Has the sinks for what arrives with C-STORE.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self.storage = Storage(surroundings)
        super().__init__(
            [
                Verification(surroundings),
                self.storage,
                QueryRetrieve(surroundings),
                Worklist(surroundings),
                ProcedureSteps(surroundings),
                Availability(surroundings),
                Commitment(surroundings),
                UnifiedProcedureSteps(surroundings),
                Printing(surroundings),
            ]
        )
