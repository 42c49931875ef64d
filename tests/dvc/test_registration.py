"""DVC learns of osf:// in both of its tables or in neither, whichever way it is started."""

from __future__ import annotations

import os
import runpy
import sys
import sysconfig
from types import MappingProxyType, SimpleNamespace

import dvc.config_schema
import dvc_objects.fs
import pytest

import dvc_osf
from dvc_osf import registration
from dvc_osf.dvc import main

# As in a process whose interpreter read no start-up files.
WITHOUT_STARTUP = """
import sys
sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != "DVCWatcher"]
"""
SERVED_BY = """
from dvc.fs import get_cloud_fs
print(get_cloud_fs({}, url="osf://abc12/data")[0].__name__)
"""


def builtin_tables(**changes: object) -> tuple[SimpleNamespace, SimpleNamespace]:
    """Return tables as they are in a DVC that has not heard of osf://."""
    schema = SimpleNamespace(
        SCHEMA={"remote": {str: str.upper}},
        REMOTE_COMMON=dvc.config_schema.REMOTE_COMMON,
        Bool=dvc.config_schema.Bool,
    )
    filesystems = SimpleNamespace(known_implementations={})
    for name, value in changes.items():
        setattr(filesystems if name == "known_implementations" else schema, name, value)
    return schema, filesystems


class TestIntroduce:
    def test_it_enters_both_tables_and_leaves_the_other_schemes_to_dvc(self):
        schema, filesystems = builtin_tables()

        registration.introduce(schema, filesystems)

        assert filesystems.known_implementations["osf"]["class"] == (
            "dvc_osf.remote.OSFRemoteFileSystem"
        )
        validate = schema.SCHEMA["remote"][str]
        assert validate({"url": "osf://abc12"}) == {"url": "osf://abc12", "verify": False}
        assert validate("anything else") == "ANYTHING ELSE"

    def test_doing_it_twice_changes_nothing(self):
        schema, filesystems = builtin_tables()
        registration.introduce(schema, filesystems)
        once = schema.SCHEMA["remote"][str], dict(filesystems.known_implementations)

        registration.introduce(schema, filesystems)

        assert (schema.SCHEMA["remote"][str], filesystems.known_implementations) == once

    @pytest.mark.parametrize(
        "changes",
        [
            {"SCHEMA": {}},
            {"SCHEMA": {"remote": {}}},
            {"SCHEMA": {"remote": MappingProxyType({str: str.upper})}},
            {"REMOTE_COMMON": None},
            {"Bool": None, "REMOTE_COMMON": 1},
            {"known_implementations": None},
            {"known_implementations": MappingProxyType({})},
        ],
    )
    def test_a_dvc_that_is_built_differently_is_told_nothing(self, changes):
        schema, filesystems = builtin_tables(**changes)
        before = dict(schema.SCHEMA.get("remote", {}))

        with pytest.raises(RuntimeError, match=r"not one that dvc-osf knows.*upgrade dvc-osf"):
            registration.introduce(schema, filesystems)

        assert dict(schema.SCHEMA.get("remote", {})) == before
        assert "osf" not in (filesystems.known_implementations or {})

    def test_another_package_that_serves_osf_is_left_alone(self):
        theirs = {"osf": {"class": "their.FileSystem", "err": ""}}
        schema, filesystems = builtin_tables(known_implementations=theirs)

        with pytest.raises(RuntimeError, match=r"served by their\.FileSystem already"):
            registration.introduce(schema, filesystems)

        assert {"remote": {str: str.upper}} == schema.SCHEMA
        assert theirs == {"osf": {"class": "their.FileSystem", "err": ""}}


class TestStock:
    @pytest.mark.parametrize("flags", [[], ["-I"]])
    def test_an_installed_dvc_knows_osf(self, python, flags):
        assert python(*flags, "-c", SERVED_BY).stdout == "OSFRemoteFileSystem\n"

    def test_doctor_lists_osf(self, dvc):
        done = dvc("doctor")

        assert f"osf (dvc-osf = {dvc_osf.__version__}, aiohttp = " in done.stdout

    def test_a_spawned_process_knows_osf(self, python, tmp_path):
        script = tmp_path / "script.py"
        script.write_text(
            "import multiprocessing\n"
            "def ask():\n"
            "    from dvc.fs import get_cloud_fs\n"
            "    return get_cloud_fs({}, url='osf://abc12/data')[0].__name__\n"
            "if __name__ == '__main__':\n"
            "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
            "        print(pool.apply(ask))\n",
            encoding="utf-8",
        )

        assert python(str(script)).stdout == "OSFRemoteFileSystem\n"

    def test_a_failure_is_reported_and_leaves_dvc_working_without_osf(self, python):
        done = python(
            "-c",
            "import sys; sys.modules['dvc_osf.registration'] = None\n"
            "from dvc.config_schema import SCHEMA, Invalid\n"
            "from dvc.fs import registry\n"
            "validate = SCHEMA['remote'][str]\n"
            "print('osf' in registry, 's3' in registry, validate({'url': 's3://bucket'})['url'])\n"
            "try: validate({'url': 'osf://abc12'})\n"
            "except Invalid as error: print(error)\n",
        )

        assert done.returncode == 0
        assert done.stdout.splitlines() == [
            "False True s3://bucket",
            "Unsupported URL type osf://",
        ]
        assert done.stderr.startswith("osf:// remotes are not available in DVC: ")
        assert "Traceback" not in done.stderr

    def test_a_loader_that_cannot_be_watched_is_reported(self, python):
        done = python(
            "-c",
            "import sys, importlib.machinery as machinery\n"
            "class Loader:\n"
            "    __slots__ = ('loader',)\n"
            "    def create_module(self, spec): return None\n"
            "    def exec_module(self, module): self.loader.exec_module(module)\n"
            "class Finder:\n"
            "    def find_spec(self, name, path, target=None):\n"
            "        if name != 'dvc.config_schema': return None\n"
            "        spec = machinery.PathFinder.find_spec(name, path, target)\n"
            "        loader, spec.loader = spec.loader, Loader()\n"
            "        spec.loader.loader = loader\n"
            "        return spec\n"
            "sys.meta_path.insert(-1, Finder())\n"
            "from dvc.fs import registry; print('osf' in registry)\n",
        )

        assert done.stdout == "False\n"
        assert done.stderr.startswith("osf:// remotes are not available in DVC: AttributeError")


class TestRegister:
    def test_here_it_is_done_already_and_may_be_done_again(self):
        tables = dvc.config_schema.SCHEMA["remote"], dvc_objects.fs.known_implementations
        before = [dict(table) for table in tables]

        dvc_osf.register()

        assert [dict(table) for table in tables] == before
        assert "osf" in dvc_objects.fs.registry

    @pytest.mark.parametrize(
        "how",
        [
            "import dvc_osf; dvc_osf.register()",
            "import _dvc_osf_startup; _dvc_osf_startup.install()",
        ],
    )
    def test_a_dvc_that_has_read_its_configuration_is_told_as_well(self, python, how):
        done = python(
            "-c",
            f"{WITHOUT_STARTUP}\n"
            "from dvc.config import Config, ConfigError\n"
            "import dvc.fs\n"
            "osf = {'remote': {'o': {'url': 'osf://abc12/data'}}}\n"
            "try: Config.validate(osf)\n"
            "except ConfigError as error: print(error)\n"
            f"{how}\n"
            "print(Config.validate(osf)['remote']['o']['url'])\n"
            f"{SERVED_BY}",
        )

        refused, url, served_by = done.stdout.splitlines()
        assert "Unsupported URL type osf://" in refused
        assert url == "osf://abc12/data"
        assert served_by == "OSFRemoteFileSystem"

    def test_without_dvc_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "dvc.config_schema", None)

        with pytest.raises(ImportError, match=r"run pip install 'dvc-osf\[dvc\]'"):
            dvc_osf.register()


class TestCommand:
    def test_it_runs_dvc_where_startup_files_are_not_read(self, python, package):
        installed = sysconfig.get_paths()
        path = os.pathsep.join([str(package), installed["purelib"], installed["platlib"]])
        plain = python("-S", "-m", "dvc", "doctor", PYTHONPATH=path)
        ours = python("-S", "-m", "dvc_osf.dvc", "doctor", PYTHONPATH=path)

        assert "osf (" not in plain.stdout
        assert "osf (" in ours.stdout

    def test_without_dvc_it_says_what_to_install(self, python, package):
        done = python("-S", "-m", "dvc_osf.dvc", "doctor", PYTHONPATH=str(package))

        assert done.returncode == 1
        assert done.stderr == (
            "dvc_osf.dvc: No module named 'dvc': run pip install 'dvc-osf[dvc]'\n"
        )

    def test_it_passes_arguments_and_status_on(self, monkeypatch):
        seen = []
        monkeypatch.setitem(
            sys.modules, "dvc.cli", SimpleNamespace(main=lambda argv: seen.append(argv) or 251)
        )

        assert main(("remote", "list")) == 251
        assert main() == 251
        assert seen == [["remote", "list"], None]

    def test_run_as_a_module_it_exits_with_the_status(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "dvc.cli", SimpleNamespace(main=lambda _: 251))
        monkeypatch.delitem(sys.modules, "dvc_osf.dvc")

        with pytest.raises(SystemExit) as caught:
            runpy.run_module("dvc_osf.dvc", run_name="__main__")

        assert caught.value.code == 251

    def test_a_process_that_it_spawns_knows_osf(self, monkeypatch):
        monkeypatch.delitem(dvc_objects.fs.known_implementations, "osf")
        monkeypatch.delitem(sys.modules, "dvc_osf.dvc")

        # How multiprocessing imports the main module of its parent.
        runpy.run_module("dvc_osf.dvc", run_name="__mp_main__")

        assert "osf" in dvc_objects.fs.registry

    def test_a_refusal_is_its_exit_message(self, monkeypatch):
        monkeypatch.setitem(dvc_objects.fs.known_implementations, "osf", {"class": "their.FS"})

        with pytest.raises(SystemExit, match=r"^dvc_osf\.dvc: osf:// is served by their\.FS"):
            main([])
