"""``python -m dvc_osf.emulator``: the emulator without the command line extra."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from .program import run


def main() -> None:
    """Parse the arguments and serve until a signal ends it."""
    parser = argparse.ArgumentParser(
        prog="python -m dvc_osf.emulator",
        description="Serve an OSF on this machine. One line of JSON on standard output tells "
        "where it is; SIGTERM or Ctrl-C ends it.",
    )
    parser.add_argument("--root", type=Path, required=True, help="directory that keeps everything")
    parser.add_argument("--port", type=int, default=0, help="port of API v2, 0 for any (default)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.root, arguments.port, arguments.host))


if __name__ == "__main__":
    main()
