"""Transactions: what is written within one is uploaded when it ends, or not at all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from fsspec.transaction import Transaction

from .writing import WritingFileSystem

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["OSFTransaction", "TransactingFileSystem"]

_lock = threading.Lock()
"""Held for moments only, while a transaction becomes a filesystem's open one, or ceases to be."""


class OSFTransaction(Transaction):  # type: ignore[misc] # fsspec is not typed
    """Gathers the files that are written while it lasts, for one upload each at its end.

    They are uploaded one after the other, in the order in which they were opened. The OSF has
    nothing that is atomic across files: where one upload fails, those before it stay, those behind
    it are not made, and the error is raised.

    A filesystem has one at a time, for all its threads: whatever is written while it is open
    belongs to it. When it has ended, another can begin.

    Parameters
    ----------
    fs : OSFFileSystem
        What uploads.
    """

    fs: Any  # fsspec's

    def start(self) -> None:
        """Begin: from now on, what is written waits for the end.

        Raises
        ------
        RuntimeError
            One is open on this filesystem, begun here or in another thread; it stays as it is.
        """
        with _lock:
            if self.fs.begun is not None:
                raise RuntimeError(
                    "a transaction is open on this filesystem, and two would mix their files. "
                    "Commit or discard it first, or use a filesystem of its own for each "
                    "(skip_instance_cache=True)"
                )
            super().start()
            self.fs.begun = self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        # Without fsspec's cleaning up after it: another thread's transaction may have begun.
        self.complete(commit=exc_type is None)

    def complete(self, commit: bool = True) -> None:
        """Upload the files, or forget them.

        Parameters
        ----------
        commit : bool, optional
            Whether to upload.

        Raises
        ------
        ValueError
            A file is still open, so not all of it may be there yet; then nothing is uploaded.
        """
        fs = self.fs
        if fs.begun is not self:
            # It has ended, or never began; what is open by now is not its own.
            return
        still_open = [file.path for file in self.files if not file.closed] if commit else []
        try:
            super().complete(commit=commit and not still_open)
        finally:
            with _lock:
                # A thread that was refused may hold this very one, and begin it later.
                self.fs = fs
                fs.begun = None
        if still_open:
            raise ValueError(
                "nothing was uploaded, for these files are still open: "
                + ", ".join(f"osf://{path}" for path in still_open)
                + ". Close them before the transaction ends"
            )


class TransactingFileSystem(WritingFileSystem):
    """The storey of :class:`~dvc_osf.filesystem.OSFFileSystem` that has transactions.

    Attributes
    ----------
    begun : OSFTransaction or None
        The one that is open.
    """

    begun: OSFTransaction | None = None
    _transaction: Any  # fsspec's

    @property
    def transaction(self) -> Any:
        """The transaction that is open, or one to be begun by ``with``."""
        with _lock:
            if self.begun is not None:
                return self.begun
            if self._transaction is None:
                self._transaction = self.transaction_type(self)
            return self._transaction

    def start_transaction(self) -> Any:
        """Begin a transaction, to be ended by ``end_transaction``.

        Returns
        -------
        OSFTransaction
            Open.

        Raises
        ------
        RuntimeError
            One is open already; it stays as it is.
        """
        transaction = self.transaction_type(self)
        transaction.start()
        return transaction
