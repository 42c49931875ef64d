"""Which operation a task of asyncio works for."""

from __future__ import annotations

import asyncio
import contextvars
import weakref

_SHARED = {"_fetch", "_sleep"}
"""What may go on for others: a listing that several want, and the one pause after a 429."""


class Offspring:
    """Follows the tasks that operations make; install it as the loop's task factory."""

    def __init__(self):
        self._operation = contextvars.ContextVar("operation", default=None)
        self._tasks = weakref.WeakKeyDictionary()

    def __call__(self, loop, coroutine, **options):
        task = asyncio.Task(coroutine, loop=loop, **options)
        self._tasks[task] = self._operation.get()
        return task

    def start(self, operation, coroutine):
        """Start an operation, given as an object of any kind and a coroutine."""
        token = self._operation.set(operation)
        try:
            return asyncio.ensure_future(coroutine)
        finally:
            self._operation.reset(token)

    def left_by(self, operation):
        """Return the tasks of an operation that go on."""
        return [
            task
            for task in asyncio.all_tasks()
            if self._tasks.get(task) is operation and task.get_coro().__name__ not in _SHARED
        ]
