"""Transactions: what is written within one is uploaded when it ends, or not at all."""

from __future__ import annotations

from fsspec.transaction import Transaction

__all__ = ["OSFTransaction"]


class OSFTransaction(Transaction):  # type: ignore[misc] # fsspec is not typed
    """Gathers the files that are written while it lasts, for one upload each at its end.

    They are uploaded one after the other, in the order in which they were opened. The OSF has
    nothing that is atomic across files: where one upload fails, those before it stay, those behind
    it are not made, and the error is raised.

    Parameters
    ----------
    fs : OSFFileSystem
        What uploads.
    """

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
        still_open = [file.path for file in self.files if not file.closed] if commit else []
        super().complete(commit=commit and not still_open)
        if still_open:
            raise ValueError(
                "nothing was uploaded, for these files are still open: "
                + ", ".join(f"osf://{path}" for path in still_open)
                + ". Close them before the transaction ends"
            )
