"""A demonstration: stock DVC keeps a real project on an OSF that runs on this machine.

`run` sets the `stage` (the emulated `osf`, the `programs`, the `report`) and has the `story`
told on it, with real `data`.
"""

from .errors import DemoError
from .run import run

__all__ = ["DemoError", "run"]
