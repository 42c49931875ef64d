"""Introduce dvc-osf to DVC when, and only when, DVC is imported.

DVC has no way to discover a third-party remote: it knows the URL schemes that are written in its
own sources. A ``.pth`` file (on Python 3.15 and newer the ``.start`` file of the same name) calls
`install` as the interpreter starts. That costs a fraction of a millisecond, because nothing but
`sys` is imported here: everything else happens once DVC itself is being imported, and never in a
program that does not use DVC.

The module lives beside the package, not in it, so that start-up does not import ``dvc_osf``.
"""

import sys

# What typing.TYPE_CHECKING is, without importing typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# Both must be there before osf:// can be introduced: the first knows the classes of the remotes,
# the second what may be written in their configuration.
AWAITED = ("dvc_objects.fs", "dvc.config_schema")


class DVCWatcher:
    """A meta path finder that finds nothing itself and notices when DVC has been imported.

    It stays on `sys.meta_path` for good: taking it out while another thread walks that list
    would make that thread skip a finder.
    """

    def __init__(self) -> None:
        self.executed = {name for name in AWAITED if name in sys.modules}

    def find_spec(
        self,
        name: str,
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> "ModuleSpec | None":
        """Let the other finders find `name`; if DVC awaits it, watch it being executed."""
        if name not in AWAITED:
            return None
        for finder in sys.meta_path:
            find_spec = getattr(finder, "find_spec", None)
            if finder is self or find_spec is None:
                continue
            spec: ModuleSpec | None = find_spec(name, path, target)
            if spec is not None:
                self._watch(spec)
                return spec
        return None

    def _watch(self, spec: "ModuleSpec") -> None:
        try:
            loader: Any = spec.loader
            exec_module = loader.exec_module

            def exec_module_and_introduce(module: "ModuleType") -> None:
                exec_module(module)
                # A loader may serve several modules (those of a zip file do).
                if module.__name__ == spec.name:
                    self.executed.add(spec.name)
                    self.introduce_when_complete()

            loader.exec_module = exec_module_and_introduce
        except Exception as error:  # noqa: BLE001 - DVC must start whatever happens here
            report(error)

    def introduce_when_complete(self) -> None:
        """Introduce osf:// to DVC once both modules have been executed."""
        if not all(name in self.executed and name in sys.modules for name in AWAITED):
            return
        try:
            from dvc_osf.registration import introduce

            introduce(sys.modules["dvc.config_schema"], sys.modules["dvc_objects.fs"])
        except Exception as error:  # noqa: BLE001 - DVC must work for the other remotes
            report(error)


def install() -> None:
    """Watch for DVC; where it is imported already, introduce osf:// at once."""
    if any(isinstance(finder, DVCWatcher) for finder in sys.meta_path):
        return
    watcher = DVCWatcher()
    sys.meta_path.insert(0, watcher)
    watcher.introduce_when_complete()


def report(error: Exception) -> None:
    """Say on the log why osf:// is not available, and where the details are."""
    import logging

    logging.getLogger("dvc_osf").warning(
        "osf:// remotes are not available in DVC: %s: %s. "
        'The details: python -c "import dvc_osf; dvc_osf.register()"',
        type(error).__name__,
        error,
    )
