"""The table of the tasks is complete, and every name in it exists."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "task-list.md"

TASKS = {
    1: 11,
    2: 14,
    3: 7,
    4: 10,
    5: 18,
    6: 11,
    7: 7,
    8: 7,
    9: 6,
    10: 10,
    11: 29,
    12: 24,
    13: 14,
    14: 23,
    15: 5,
}
"""How many tasks each section of the list has."""

ROW = re.compile(r"^\| (\d+\.\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE.read_text(encoding="utf-8"))


def names(column):
    """Return every name in backticks in one column, once, with the first task that cites it."""
    cited = {}
    for row in ROWS:
        for name in re.findall(r"`([^`]+)`", row[column]):
            cited.setdefault(name, row[0])
    return sorted(cited)


CODE, TESTS = names(2), names(3)


def is_file(name):
    return "/" in name or name.endswith((".md", ".py", ".toml", ".yaml"))


def resolve(name):
    """Return what a name within the package means; for an instance's attribute, its class."""
    parts = name.split(".")
    for length in range(len(parts), -1, -1):
        try:
            found = importlib.import_module(".".join(["dvc_osf", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        break
    for part in parts[length:]:
        if inspect.isclass(found) and not hasattr(found, part):
            assert re.search(rf"\bself\.{part}\b.* = ", inspect.getsource(found)), name
            return found
        found = getattr(found, part)
    return found


@functools.cache
def defined_in(file):
    """Return the names of a file's tests, those in classes with the class before them."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    found = []
    for node in tree.body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found += [
            prefix + each.name
            for each in inside
            if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))
        ]
    return found


def test_every_task_has_one_row_in_the_lists_order():
    expected = [
        f"{section}.{task}" for section, count in TASKS.items() for task in range(1, count + 1)
    ]
    assert [row[0] for row in ROWS] == expected
    assert f"{sum(TASKS.values())} tasks in {len(TASKS)} sections" in PAGE.read_text("utf-8")


def test_no_line_of_a_table_is_overlooked():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if re.match(r"\|\s*\d", line)]
    assert len(rows) == len(ROWS)


def test_every_task_names_what_does_it_and_what_shows_it():
    assert [task for task, _, code, tests in ROWS if not ("`" in code and "`" in tests)] == []


@pytest.mark.parametrize("name", [name for name in CODE if not is_file(name)])
def test_every_name_of_code_exists(name):
    assert resolve(name) is not None


@pytest.mark.parametrize(
    "name", [name for name in CODE + TESTS if is_file(name) and "::" not in name]
)
def test_every_file_exists(name):
    assert (ROOT / name).exists()


@pytest.mark.parametrize("name", [name for name in TESTS if "::" in name])
def test_every_test_exists(name):
    file, _, test = name.partition("::")
    assert defined_in(file).count(test) == 1


def test_every_integration_test_is_marked():
    for file in (ROOT / "tests" / "integration").glob("test_*.py"):
        assert "\npytestmark = pytest.mark.integration\n" in file.read_text(encoding="utf-8")
