"""Each "yes" of docs/comparison.md has a test, and that test exists."""

from __future__ import annotations

import ast
import re
from importlib import resources
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "comparison.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| feature")
]
CITED = [tuple(found.split("::")) for found in re.findall(r"`(tests/[^`]+)`", PAGE)]


def test_every_row_is_whole():
    assert ROWS
    assert {len(row) for row in ROWS} == {7}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_we_claim_names_a_test(row):
    assert row[1].startswith("no") or row[6].startswith("`tests/")


@pytest.mark.parametrize("cited", CITED, ids="::".join)
def test_a_cited_test_exists(cited):
    path, *_, name = cited
    tree = ast.parse((TOP / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_the_package_says_that_it_is_typed():
    assert (resources.files("dvc_osf") / "py.typed").is_file()
