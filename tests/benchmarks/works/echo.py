"""C-ECHO after C-ECHO on one association: what a message costs."""

from __future__ import annotations

from works.repeated import repeated

WORK = repeated("echo", "C-ECHO on one association", counts=(5000, 500), slow=(400, 50))
