"""Where the token comes from, which hosts it may go to, and how it is kept out of sight."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit

from .exceptions import OSFAuthenticationError, OSFServerError

__all__ = ["TokenSource", "check_files_url", "redact"]

_MIN_PARENT_LABELS = 2


class TokenSource:
    """Looks a personal access token up when it is needed, never earlier.

    What came from the environment or a file is read again at each use, so that it is neither
    stored in a filesystem's options nor pickled with it.

    Parameters
    ----------
    token : str, optional
        The token itself.
    credentialpath : str, optional
        A file that holds it.
    """

    def __init__(self, token: str | None = None, credentialpath: str | None = None) -> None:
        self._token = token
        self._credentialpath = credentialpath

    def get(self) -> str | None:
        """Return the token, or None for anonymous use.

        Returns
        -------
        str or None
            The argument, else the file's content, else ``OSF_TOKEN``.

        Raises
        ------
        OSFAuthenticationError
            The file cannot be read, or the token holds characters that no token has.
        """
        token = (self._token or "").strip() or self._from_file().strip()
        token = token or os.environ.get("OSF_TOKEN", "").strip()
        if not token:
            return None
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise OSFAuthenticationError("the token holds characters that no OSF token has")
        return token

    def _from_file(self) -> str:
        if not self._credentialpath:
            return ""
        try:
            return Path(self._credentialpath).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise OSFAuthenticationError(
                f"the token file {self._credentialpath} cannot be read ({type(error).__name__})"
            ) from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


def redact(text: str, token: str | None) -> str:
    """Blot the token out of a text that is about to be shown.

    Parameters
    ----------
    text : str
        A message, perhaps a server's own.
    token : str or None
        What must not be in it.

    Returns
    -------
    str
        The text without the token.
    """
    return text.replace(token, "***") if token else text


def check_files_url(api_url: str, files_url: str, *, path: str | None = None) -> None:
    """Refuse a files host that API v2 names but that the token must not go to.

    Trusted are the API's own host (any port) and hosts of its parent domain (``api.osf.io`` trusts
    ``*.osf.io``), and never plain http when the API is https.

    Parameters
    ----------
    api_url, files_url : str
        The API that the user chose, and the host that it named.
    path : str, optional
        For the error's message.

    Raises
    ------
    OSFServerError
        The host is not trusted.
    """
    try:
        api, files = urlsplit(api_url), urlsplit(files_url)
        same_scheme = files.scheme == api.scheme or (api.scheme, files.scheme) == ("http", "https")
        if same_scheme and files.hostname and _same_site(api.hostname or "", files.hostname):
            return
        host = f"{files.scheme}://{files.netloc.rpartition('@')[2]}"
    except ValueError:
        host = repr(files_url)
    raise OSFServerError(
        f"the API at {api_url} names the files host {host}, which is not of its domain, so the "
        "token was not sent there",
        path=path,
        hint="If you trust that host, name it yourself with files_url= (OSF_FILES_URL)",
    )


def _same_site(api_host: str, files_host: str) -> bool:
    if api_host == files_host:
        return True
    if _is_address(api_host):
        return False
    parent = api_host.partition(".")[2]
    return parent.count(".") + 1 >= _MIN_PARENT_LABELS and files_host.endswith(f".{parent}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
