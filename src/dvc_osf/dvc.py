"""Run DVC with ``osf://`` remotes where start-up files are not read.

::

    python -m dvc_osf.dvc push

After an ordinary installation plain ``dvc`` knows ``osf://``; this is for ``python -S``,
``pip install --target`` and ``PYTHONPATH``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .registration import register

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Register ``osf://`` and run DVC's command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after ``dvc``; by default those of this process.

    Returns
    -------
    int
        DVC's exit status.

    Raises
    ------
    SystemExit
        DVC is not installed, or cannot be told about ``osf://``; the message says why.
    """
    try:
        register()
    except (ImportError, RuntimeError) as error:
        raise SystemExit(f"dvc_osf.dvc: {error}") from error
    from dvc.cli import main as dvc_main

    return int(dvc_main(None if argv is None else list(argv)))


if __name__ == "__main__":
    sys.exit(main())
elif __name__ == "__mp_main__":
    # A process that multiprocessing spawned must know the scheme, too.
    register()
