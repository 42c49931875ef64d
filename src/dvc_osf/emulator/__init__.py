"""An OSF on the local machine: API v2 and WaterButler with real storage, quirks included.

`Emulator` runs in the current event loop, `EmulatorThread` in a thread of its own; `run` is the
program behind ``dvc-osf emulator``.
"""

from __future__ import annotations

from .faults import Fault
from .log import LoggedRequest
from .run import run
from .server import Emulator
from .settings import Settings
from .threaded import EmulatorThread

__all__ = ["Emulator", "EmulatorThread", "Fault", "LoggedRequest", "Settings", "run"]
