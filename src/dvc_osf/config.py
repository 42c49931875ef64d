"""Defaults, limits and environment variables; read when a filesystem is made, never at import."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, fields
from typing import Any, ClassVar

__all__ = ["Config", "parse_bool", "parse_size"]

KIB = 1024
MIB = 1024 * KIB

_UNITS = {"": 1, "k": KIB, "m": MIB, "g": 1024 * MIB}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmg])i?)?b?\s*", re.IGNORECASE)


def parse_size(value: int | str) -> int:
    """Read a number of bytes.

    Parameters
    ----------
    value : int or str
        Bytes, or text such as ``"5242880"``, ``"5MB"`` or ``"5MiB"``; both units are 1024 times
        1024 bytes, so that the limits "1MB" and "100MB" can be written as they are documented.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    ValueError
        The text is not a size.
    """
    if isinstance(value, int):
        return value
    match = _SIZE.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is not a size; write bytes (5242880) or a unit (5MB)")
    number, unit = match.groups()
    return int(float(number) * _UNITS[(unit or "").lower()])


def parse_bool(value: bool | str) -> bool:
    """Read a switch.

    Parameters
    ----------
    value : bool or str
        ``true``, ``yes``, ``on``, ``1`` or their opposites, in any case.

    Returns
    -------
    bool
        The switch.

    Raises
    ------
    ValueError
        The text is neither.
    """
    if isinstance(value, bool):
        return value
    text = value.strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise ValueError(f"{value!r} is not a switch; write true or false")


def _parse_verify(value: bool | str) -> bool | str:
    """Read ``ssl_verify``: a switch, or else the path of a file of certificate authorities."""
    try:
        return parse_bool(value)
    except ValueError:
        if not str(value).strip():
            raise
        return value


@dataclass(frozen=True)
class Config:
    """The settings of one filesystem, resolved.

    Precedence: argument (which is also where DVC's and fsspec's configuration arrive), then the
    environment variable ``OSF_<NAME>``, then the default.

    Attributes
    ----------
    api_url : str
        Root of API v2, without a trailing slash. Environment: ``OSF_API_URL``.
    files_url : str or None
        Root of WaterButler where the one that API v2 names shall not be used.
    timeout : float
        Seconds of silence allowed for a request without a body; not infinite.
    upload_timeout : float
        Seconds an upload may go without progress: no byte accepted by the socket, or, after the
        last byte, no answer.
    upload_chunk_size : int
        Bytes of a chunk, 1 MB to 100 MB; smaller files go in one piece.
    max_retries : int
        How often a failed request is sent again; pauses after a 429 are not counted.
    max_wait : float
        Seconds that one request may spend in such pauses.
    max_requests : int
        Requests in flight, per filesystem.
    buffer_size : int
        Bytes of upload and download buffers, per filesystem; at least two chunks.
    ssl_verify : bool or str
        False to trust any certificate, or the path of a CA file.

    Examples
    --------
    >>> Config.resolve(upload_chunk_size="10MB").upload_chunk_size
    10485760
    """

    OSF_API_URL: ClassVar[str] = "https://api.osf.io/v2"
    OSF_UPLOAD_CHUNK_SIZE: ClassVar[int] = 5 * MIB
    OSF_UPLOAD_TIMEOUT: ClassVar[float] = 300.0
    UPLOAD_CHUNK_MIN_SIZE: ClassVar[int] = 1 * MIB
    UPLOAD_CHUNK_MAX_SIZE: ClassVar[int] = 100 * MIB

    api_url: str = OSF_API_URL
    files_url: str | None = None
    timeout: float = 60.0
    upload_timeout: float = OSF_UPLOAD_TIMEOUT
    upload_chunk_size: int = OSF_UPLOAD_CHUNK_SIZE
    max_retries: int = 5
    max_wait: float = 3900.0
    max_requests: int = 16
    buffer_size: int = 64 * MIB
    ssl_verify: bool | str = True

    def __post_init__(self) -> None:
        if not self.UPLOAD_CHUNK_MIN_SIZE <= self.upload_chunk_size <= self.UPLOAD_CHUNK_MAX_SIZE:
            raise ValueError(
                f"upload_chunk_size is {self.upload_chunk_size} bytes; it must be from "
                f"{self.UPLOAD_CHUNK_MIN_SIZE} to {self.UPLOAD_CHUNK_MAX_SIZE}"
            )
        for name in ("timeout", "upload_timeout", "max_requests"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        if math.isinf(self.timeout):
            # The others may be without end; this one goes to aiohttp, which rounds it.
            raise ValueError("timeout is inf; it must be a number of seconds, however large")
        for name in ("max_retries", "max_wait"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be below 0")
        if self.buffer_size < 2 * self.upload_chunk_size:
            raise ValueError(
                f"buffer_size is {self.buffer_size} bytes; a pipelined upload needs room for two "
                f"chunks ({2 * self.upload_chunk_size})"
            )

    @classmethod
    def resolve(cls, **options: Any) -> Config:
        """Settle every setting.

        Parameters
        ----------
        **options
            Any attribute; None means "not given". Text is converted, as it comes from files and
            variables.

        Returns
        -------
        Config
            The settings.

        Raises
        ------
        ValueError
            A value is not of its kind, or outside its limits; the message names it.
        """
        unknown = options.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise TypeError(f"there is no setting {', '.join(sorted(unknown))}")
        values = {}
        for field in fields(cls):
            source = field.name
            value = options.get(field.name)
            if value is None:
                source = f"OSF_{field.name.upper()}"
                value = os.environ.get(source) or None
            if value is None:
                continue
            try:
                values[field.name] = _PARSERS[field.name](value)
            except (TypeError, ValueError, OverflowError) as error:
                raise ValueError(f"{source}: {error}") from None
        chunk = values.get("upload_chunk_size", cls.upload_chunk_size)
        values.setdefault("buffer_size", max(cls.buffer_size, 2 * chunk))
        return cls(**values)


def _parse_url(value: str) -> str:
    url = str(value).rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{value!r} is not an http(s) URL")
    return url


_PARSERS: dict[str, Any] = {
    "api_url": _parse_url,
    "files_url": _parse_url,
    "timeout": float,
    "upload_timeout": float,
    "upload_chunk_size": parse_size,
    "max_retries": int,
    "max_wait": float,
    "max_requests": int,
    "buffer_size": parse_size,
    "ssl_verify": _parse_verify,
}
