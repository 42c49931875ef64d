"""What the documents must say, they say."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from dvc_osf import OSFFileSystem, exceptions

ROOT = Path(__file__).parents[2]


def text_of(document):
    """Return a document's text, with its line breaks as blanks."""
    return " ".join((ROOT / document).read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("README.md", "dvc add data dvc push"),
        ("README.md", "pushing needs the scope `osf.full_write`"),
        ("README.md", '`put_file`, `pipe_file`, `open(..., "w")` | one PUT'),
        ("README.md", "`put(file_object, path)`"),
        ("README.md", "`rm`, `rm(..., recursive=True)`"),
        ("README.md", "`mkdir`, `rmdir` | nothing"),
        ("README.md", "gets a **new version**"),
        ("README.md", "The OSF has no locking"),
        ("README.md", "callback=lambda sent, total:"),
        ("README.md", "TqdmCallback"),
        ("README.md", "## Limits"),
        ("docs/dvc.md", "dvc add data git add data.dvc .gitignore .dvc"),
        ("docs/configuration.md", "`OSF_UPLOAD_CHUNK_SIZE`"),
        ("docs/configuration.md", "(`OSF_UPLOAD_TIMEOUT`)"),
        ("docs/troubleshooting.md", "the project's storage is full"),
        ("docs/troubleshooting.md", "check the token's scope (`osf.full_write`)"),
        ("docs/troubleshooting.md", "chunk 3 of 12"),
        ("docs/faq.md", "The OSF makes a new version"),
        ("docs/faq.md", "Reading gives the newest"),
        ("docs/faq.md", "`version=` reads any of them"),
        ("docs/faq.md", "Deleting a file deletes all of them"),
        ("docs/dvc.md", "## Files with their own names, and versions"),
        ("docs/faq.md", "What happens when two people write the same file?"),
        ("docs/faq.md", "There is no locking"),
        ("docs/faq.md", "What is the chunk size for?"),
        ("docs/faq.md", "Is it fast?"),
        ("docs/faq.md", "Can an interrupted upload be resumed?"),
        ("CHANGELOG.md", "for reading and writing"),
        ("CHANGELOG.md", "- Writing: `put_file`, `put`"),
        ("tests/integration/README.md", "| `OSF_TEST_TOKEN` | a token with the scope"),
        ("tests/integration/README.md", "| `OSF_TEST_PROJECT` | the GUID of a project"),
    ],
)
def test_the_documents_say_it(document, words):
    assert words in text_of(document)


def test_the_readme_no_longer_calls_it_read_only():
    assert not re.search("read-?only", text_of("README.md"), re.IGNORECASE)


def test_the_readme_explains_every_option():
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Configuration")[2]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    options = set(inspect.signature(OSFFileSystem.__init__).parameters)
    # The others are fsspec's, of which every filesystem has them.
    assert options - named == {
        "self",
        "use_listings_cache",
        "asynchronous",
        "loop",
        "batch_size",
    }
    assert named <= options


def test_every_error_has_its_advice():
    table = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(OSF\w+)` \|", table, re.MULTILINE))
    assert named == {name for name in exceptions.__all__ if name.startswith("OSF")} - {
        "OSFException"
    }
