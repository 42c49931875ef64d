"""What ends a demonstration early."""

from __future__ import annotations

__all__ = ["DemoError"]


class DemoError(Exception):
    """A command failed, or something is not as it must be; the message says what."""
