"""An OSF on the local machine: API v2 and WaterButler with real storage, quirks included.

`Emulator` runs in the current event loop, `EmulatorThread` in a thread of its own; `run` is the
program behind ``dvc-osf emulator``. Everything is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .faults import Fault
    from .log import LoggedRequest
    from .program import run
    from .server import Emulator
    from .settings import Settings
    from .threaded import EmulatorThread

__all__ = ["Emulator", "EmulatorThread", "Fault", "LoggedRequest", "Settings", "run"]

_HOMES = {
    "Emulator": "server",
    "EmulatorThread": "threaded",
    "Fault": "faults",
    "LoggedRequest": "log",
    "Settings": "settings",
    "run": "program",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value
