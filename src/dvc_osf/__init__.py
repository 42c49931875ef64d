"""The Open Science Framework (OSF) as an async fsspec filesystem and a DVC remote.

Importing this package is cheap: the filesystem and what it needs (fsspec, aiohttp) load when
:class:`OSFFileSystem` is first asked for.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .exceptions import (
    OSFAuthenticationError,
    OSFCertificateError,
    OSFClosedError,
    OSFConnectionError,
    OSFException,
    OSFFileLockedError,
    OSFIntegrityError,
    OSFIsADirectoryError,
    OSFNotFoundError,
    OSFPathError,
    OSFPermissionError,
    OSFQuotaExceededError,
    OSFRateLimitError,
    OSFServerError,
    OSFTimeoutError,
    OSFVersionConflictError,
)

if TYPE_CHECKING:
    from .filesystem import OSFFileSystem
    from .registration import register

# What is not asked for is not printed: a program that wants the log sets up logging.
logging.getLogger("dvc_osf").addHandler(logging.NullHandler())

__version__ = "0.1.0"

__all__ = [
    "OSFAuthenticationError",
    "OSFCertificateError",
    "OSFClosedError",
    "OSFConnectionError",
    "OSFException",
    "OSFFileLockedError",
    "OSFFileSystem",
    "OSFIntegrityError",
    "OSFIsADirectoryError",
    "OSFNotFoundError",
    "OSFPathError",
    "OSFPermissionError",
    "OSFQuotaExceededError",
    "OSFRateLimitError",
    "OSFServerError",
    "OSFTimeoutError",
    "OSFVersionConflictError",
    "__version__",
    "register",
]


def __getattr__(name: str) -> object:
    if name == "OSFFileSystem":
        from .filesystem import OSFFileSystem

        return OSFFileSystem
    if name == "register":
        from .registration import register

        return register
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
