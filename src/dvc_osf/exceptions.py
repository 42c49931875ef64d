"""Every error that dvc-osf raises, and the table from an HTTP status to one of them.

::

    OSFException
    ├── OSFPathError              (ValueError)          a URL or name that cannot be one on the OSF
    ├── OSFNotFoundError          (FileNotFoundError)   404, 410
    ├── OSFIsADirectoryError      (IsADirectoryError)   a file operation met a folder
    ├── OSFPermissionError        (PermissionError)     403, 405, 501 of a read-only add-on
    │   ├── OSFAuthenticationError                      401: the token is missing or not valid
    │   └── OSFFileLockedError                          423, or the 403 of a checked-out file
    ├── OSFVersionConflictError   (FileExistsError)     409, never retried
    ├── OSFQuotaExceededError     (OSError, ENOSPC)     413, 507
    ├── OSFRateLimitError         (OSError, EBUSY)      429 for longer than ``max_wait``
    ├── OSFServerError            (OSError, EIO)        5xx, and answers that make no sense
    ├── OSFIntegrityError         (OSError, EIO)        bytes or checksums differ
    ├── OSFConnectionError        (ConnectionError)     no connection, or it broke
    │   └── OSFCertificateError                         the server's certificate is not trusted
    └── OSFTimeoutError           (TimeoutError)        the server was silent for too long

Each also is the builtin in brackets, so code that knows nothing of the OSF handles it rightly.
"""

from __future__ import annotations

import errno
import re
from typing import Any, ClassVar

__all__ = [
    "OSFAuthenticationError",
    "OSFCertificateError",
    "OSFClosedError",
    "OSFConnectionError",
    "OSFException",
    "OSFFileLockedError",
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
    "error_for_status",
]


class OSFException(Exception):  # noqa: N818 - the name is public API
    """Base of all errors of dvc-osf.

    Parameters
    ----------
    message : str
        What happened, in one clause. The path, the operation, the status and the upload's progress
        are put around it.
    path : str, optional
        The canonical path (``project/provider/path``) that the operation was about.
    operation : str, optional
        What was being done, in fsspec's words (``put_file``, ``ls``, ...).
    status : int, optional
        The HTTP status of the answer that caused the error.
    request_id : str, optional
        The server's own name for the request; the OSF's support asks for it.
    bytes_uploaded : int, optional
        Bytes of the body that had left this machine when an upload failed.
    total_size : int, optional
        Bytes that the upload has in all.
    chunk_size : int, optional
        Bytes of a chunk, where the upload was sent in chunks; the message then counts them.
    hint : str, optional
        What to do next; each class has a default.
    attempts : int, optional
        How often the request was sent before it was given up.
    """

    hint: str = ""
    given_up: bool = False
    """Whether the retry policy has done what it could; a policy around it does not begin anew."""

    errno: int | None
    code: ClassVar[int | None] = None
    """The ``errno`` of those that are an :class:`OSError`."""

    def __init__(
        self,
        message: str = "",
        *,
        path: str | None = None,
        operation: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        bytes_uploaded: int | None = None,
        total_size: int | None = None,
        chunk_size: int | None = None,
        hint: str | None = None,
        attempts: int | None = None,
    ) -> None:
        self.message = message
        self.path = path
        self.operation = operation
        self.status = status
        self.request_id = request_id
        self.bytes_uploaded = bytes_uploaded
        self.total_size = total_size
        self.chunk_size = chunk_size
        self.attempts = attempts
        if hint is not None:
            self.hint = hint
        super().__init__(message)
        if self.code is not None:
            self.errno = self.code

    @property
    def chunks(self) -> int | None:
        """How many chunks the upload has; None where it was not sent in chunks."""
        if self.chunk_size is None or self.total_size is None:
            return None
        return -(-self.total_size // self.chunk_size)

    @property
    def chunk(self) -> int | None:
        """Which of them, from 1, was being sent when the upload failed."""
        if self.chunks is None or self.chunk_size is None or self.bytes_uploaded is None:
            return None
        return min(self.bytes_uploaded // self.chunk_size + 1, self.chunks)

    def __str__(self) -> str:
        where = " ".join(
            part for part in (self.operation, self.path and f"osf://{_shown(self.path)}") if part
        )
        facts = []
        if self.status is not None:
            facts.append(f"HTTP {self.status}")
        if self.chunk is not None:
            facts.append(f"chunk {self.chunk} of {self.chunks}")
        if self.bytes_uploaded is not None and self.total_size is not None:
            facts.append(f"{self.bytes_uploaded} of {self.total_size} bytes uploaded")
        if self.attempts is not None and self.attempts > 1:
            facts.append(f"{self.attempts} attempts")
        if self.request_id:
            facts.append(f"request id {self.request_id}")
        text = f"{where}: {self.message}" if where else self.message
        if facts:
            text = f"{text} ({', '.join(facts)})"
        return f"{text}. {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        # OSError's own __reduce__ forgets everything but args.
        return (_rebuild, (type(self), self.message, self.__dict__.copy()))


def _shown(path: str) -> str:
    """Write a path so that it does nothing to a terminal: names may hold anything."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in path
    )


def _rebuild(cls: type[OSFException], message: str, state: dict[str, Any]) -> OSFException:
    error = cls(message)
    error.__dict__.update(state)
    return error


class OSFPathError(OSFException, ValueError):
    """A URL or a name that cannot exist on the OSF, refused before any request."""

    hint = "Write osf://<project>/<provider>/<path>, for example osf://abc12/osfstorage/data.csv"


class OSFNotFoundError(OSFException, FileNotFoundError):
    """The project, folder or file does not exist (404) or was deleted (410)."""

    hint = "Check the path, and that the token may see the project"
    code = errno.ENOENT


class OSFIsADirectoryError(OSFException, IsADirectoryError):
    """A file operation met a folder."""

    hint = "Name a file; whole folders are for what takes recursive=True"
    code = errno.EISDIR


class OSFPermissionError(OSFException, PermissionError):
    """The OSF refuses the operation to this token, or to anonymous users (403)."""

    hint = (
        "Check that you may write to the project and that the token has the scope osf.full_write "
        "(osf.full_read to read): https://osf.io/settings/tokens"
    )
    code = errno.EACCES


class OSFAuthenticationError(OSFPermissionError):
    """The token is missing, expired or not valid (401)."""

    hint = (
        "Make a token with the scope osf.full_write at https://osf.io/settings/tokens and pass it "
        "as token=, as OSF_TOKEN, or with 'dvc remote modify --local <remote> token <token>'"
    )


class OSFFileLockedError(OSFPermissionError):
    """The file is checked out by somebody (423, or WaterButler's 403)."""

    hint = "Ask its holder to check the file in again on the project's page, then try again"


class OSFVersionConflictError(OSFException, FileExistsError):
    """Something of that name exists already, or changed meanwhile (409); never retried."""

    hint = "Choose another name, or write without the exclusive mode to make a new version"
    code = errno.EEXIST


class OSFQuotaExceededError(OSFException, OSError):
    """The project's storage is full (413, 507)."""

    hint = "Free space or raise the limit on the project's settings page"
    code = errno.ENOSPC


class OSFRateLimitError(OSFException, OSError):
    """The OSF kept answering 429 for longer than ``max_wait``."""

    hint = "Wait for the rate limit's window (an hour) to pass, or raise max_wait"
    code = errno.EBUSY


class OSFServerError(OSFException, OSError):
    """The OSF failed (5xx), or answered what it never should."""

    damaged: bool = False
    """Whether it is just the answer that cannot be read, which another try may mend."""

    hint = "Try again later; see https://status.cos.io"
    code = errno.EIO


class OSFIntegrityError(OSFException, OSError):
    """The bytes at the other end are not the bytes that were meant; worth a retry.

    Parameters
    ----------
    message : str, optional
        What was compared.
    expected, actual : str, optional
        Checksum (or size) that was wanted, and the one that was found.
    **details
        As for :class:`OSFException`.
    """

    hint = "The transfer was damaged on its way; try again"
    code = errno.EIO

    def __init__(
        self,
        message: str = "checksums differ",
        *,
        expected: str | None = None,
        actual: str | None = None,
        **details: Any,
    ) -> None:
        self.expected = expected
        self.actual = actual
        if expected is not None:
            message = f"{message}: expected {expected}, got {actual}"
        super().__init__(message, **details)


class OSFConnectionError(OSFException, ConnectionError):
    """No connection to the OSF could be made, or it broke."""

    unreachable: bool = False
    """Whether not even a connection could be made."""

    hint = "Check the network, a proxy (HTTPS_PROXY, NO_PROXY) and endpoint_url, then try again"


class OSFCertificateError(OSFConnectionError):
    """The server's certificate is not trusted; trying again does not help."""

    hint = "Name your CA file with ssl_verify= (OSF_SSL_VERIFY)"


class OSFClosedError(OSFConnectionError):
    """The filesystem was closed while this call was under way."""

    hint = "Close it when nothing uses it any more; a new call opens it again"


class OSFTimeoutError(OSFException, TimeoutError):
    """The OSF was silent, or an upload made no progress, for too long."""

    hint = "Try again; raise timeout (or upload_timeout) for a slow line"
    code = errno.ETIMEDOUT


_CHECKED_OUT = re.compile(r"\bcheck(ed )?out\b")
_READ_ONLY = re.compile(r"\bis read-only\b")

_BY_STATUS: dict[int, type[OSFException]] = {
    401: OSFAuthenticationError,
    403: OSFPermissionError,
    404: OSFNotFoundError,
    405: OSFPermissionError,
    408: OSFTimeoutError,
    409: OSFVersionConflictError,
    410: OSFNotFoundError,
    413: OSFQuotaExceededError,
    423: OSFFileLockedError,
    429: OSFRateLimitError,
    504: OSFTimeoutError,
    507: OSFQuotaExceededError,
}


def error_for_status(
    status: int, message: str, *, project: str | None = None, **details: Any
) -> OSFException:
    """Turn an HTTP answer into the error that tells a caller what happened.

    Parameters
    ----------
    status : int
        The HTTP status, 400 or above.
    message : str
        The server's own words.
    project : str, optional
        The project's GUID, for the link to its settings.
    **details
        As for :class:`OSFException`.

    Returns
    -------
    OSFException
        The error, not raised.
    """
    cls = _BY_STATUS.get(status, OSFServerError)
    if status in (403, 405) and _CHECKED_OUT.search(message):
        # WaterButler says "due to checkout status" and "as it is checked out", never 423.
        cls = OSFFileLockedError
    if status == 501 and _READ_ONLY.search(message):
        # WaterButler says so of the add-ons that it only reads, such as GitLab.
        cls = OSFPermissionError
        details.setdefault("hint", "The OSF only reads this storage; write to osfstorage instead")
    if cls is OSFServerError and status < 500:
        details.setdefault("hint", "The OSF did not take the request; check the path and its names")
    if cls is OSFQuotaExceededError and project is not None:
        details.setdefault(
            "hint", f"Free space or raise the limit: https://osf.io/{project}/settings/"
        )
    return cls(message, status=status, **details)
