"""An emulated OSF in a process of its own, and the requests that reached it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import DemoError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["LocalOSF", "Traffic"]

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Traffic:
    """What reached the OSF during some time, according to its own log.

    Parameters
    ----------
    requests : Counter of str
        How many requests of which kind.
    refused : Counter of int
        Those that were answered with an error, by status.
    uploaded, downloaded : int
        Different files that were stored and that were read.
    bytes_uploaded, bytes_downloaded : int
        Bytes of files that arrived and that left, whatever became of them.
    """

    requests: Counter[str]
    refused: Counter[int]
    uploaded: int
    downloaded: int
    bytes_uploaded: int
    bytes_downloaded: int

    @classmethod
    def of(cls, log: list[dict[str, Any]]) -> Self:
        """Sum up entries of the emulator's log.

        Parameters
        ----------
        log : list of dict
            As the emulator's interface tells them.

        Returns
        -------
        Traffic
            The totals.
        """
        uploads = [entry for entry in log if _kind(entry) == "upload"]
        downloads = [entry for entry in log if _kind(entry) == "download"]
        return cls(
            requests=Counter(_kind(entry) for entry in log),
            refused=Counter(e["status"] for e in log if e["status"] and e["status"] >= 400),
            uploaded=_files(uploads),
            downloaded=_files(downloads),
            bytes_uploaded=sum(entry["received"] for entry in uploads),
            bytes_downloaded=sum(entry["sent"] for entry in downloads),
        )


def _kind(entry: dict[str, Any]) -> str:
    method, query = entry["method"], entry["query"]
    if entry["host"] == "api":
        return "API v2"
    if method == "PUT":
        return "new folder" if query.get("kind") == "folder" else "upload"
    if method == "GET" and entry["path"].endswith("/"):
        return "listing"
    if method == "GET" and query.keys().isdisjoint({"meta", "revisions", "versions"}):
        return "download"
    return {"DELETE": "delete", "POST": "move or copy"}.get(method, "metadata")


def _files(log: list[dict[str, Any]]) -> int:
    """Count the files of which some request was answered well."""
    # A file is known by its id or, while it is new, by its folder's and its name.
    return len(
        {
            (entry["path"], entry["query"].get("name"))
            for entry in log
            if entry["status"] in {200, 201, 206}
        }
    )


class LocalOSF:
    """An emulated OSF; a context manager that owns its process.

    Parameters
    ----------
    root : Path
        The folder that keeps the OSF's data.
    log : Path
        A file for what the process has to say.
    """

    api_url: str
    project: str
    token: str

    def __init__(self, root: Path, log: Path) -> None:
        self._root = root
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        # Proxies of this machine have no way to its loopback.
        self._http = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @property
    def process_id(self) -> int | None:
        """The operating system's number of the process."""
        return self._process.pid if self._process else None

    @property
    def port(self) -> int:
        """The port of API v2."""
        return int(self.api_url.rpartition(":")[2].partition("/")[0])

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "dvc_osf.emulator", "--root", str(self._root)]
        with self._log.open("w") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=errors, text=True
            )
        try:
            self._await_facts(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _await_facts(self, process: subprocess.Popen[str]) -> None:
        """Read the one line that the emulator prints when it accepts connections."""
        assert process.stdout is not None  # noqa: S101 - for the type checker
        too_late = threading.Timer(_START_SECONDS, process.kill)
        too_late.start()
        try:
            line = process.stdout.readline()
        finally:
            too_late.cancel()
        if not line:
            said = self._log.read_text(errors="replace").strip() or "it said nothing"
            raise DemoError(f"the emulated OSF did not start: {said}")
        facts = json.loads(line)
        self.api_url = facts["api"]
        self.project = facts["project"]
        self.token = facts["token"]

    def _stop(self) -> None:
        """End the process, whatever state it is in."""
        process, self._process = self._process, None
        if process is None:
            return
        with process:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()

    def take_traffic(self) -> Traffic:
        """Return what reached the OSF since the last time this was asked.

        Returns
        -------
        Traffic
            The totals.

        Raises
        ------
        DemoError
            The OSF does not answer.
        """
        traffic = Traffic.of(self._ask("GET"))
        self._ask("DELETE")
        return traffic

    def _ask(self, method: str) -> list[dict[str, Any]]:
        url = self.api_url.removesuffix("/v2") + "/_emulator/requests"
        request = urllib.request.Request(url, method=method)  # noqa: S310 - http on loopback
        try:
            with self._http.open(request, timeout=60) as answer:
                entries: list[dict[str, Any]] = json.load(answer)
        except OSError as error:
            raise DemoError(f"the emulated OSF does not answer any more: {error}") from error
        return entries
