"""Recordings 12, 13, 25 and 26: what listings of API v2 lose, and what their filters find."""

import ast
import json
import re

import pytest
from replaying import stage
from replaying.recordings import load

_WALK = re.compile(r"walk (\S*) ?token=(\S+): pages=(\d+) items=(\d+) unique=(\d+) .*")
_SMALL = re.compile(r"(\d+) files, query '(.*)', token=(\w+): items=(\d+) unique=(\d+)")
_FILTER = re.compile(r"(\S+): (\d+) (\[.*\])")


def _walks():
    for key, files in (("12", 250), ("13", 1200)):
        for match in filter(None, map(_WALK.fullmatch, load(key).log)):
            query, token, *numbers = match.groups()
            yield files, query, None if token == "None" else token, *map(int, numbers)


def _small_walks():
    for match in map(_SMALL.fullmatch, load("25").log):
        files, query, token, items, unique = match.groups()
        yield int(files), query, token == "True", int(items), int(unique)


def _filters():
    return [match.groups() for match in filter(None, map(_FILTER.fullmatch, load("26").log))]


@pytest.fixture
def walk(client, osf):
    """Return a function that reads all pages of a listing and returns each page's names."""

    def pages(folder, query, token):
        target = f"/v2/nodes/{stage.PUBLIC}/files/osfstorage{folder}?{query}"
        names = []
        while target is not None:
            answer = json.loads(client.ask("GET", target, token=token).body)
            names.append([entry["attributes"]["name"] for entry in answer["data"]])
            target = answer["links"]["next"]
            target = target and target.removeprefix(osf.web_url)
        return names

    return pages


def _filled(client, osf, files):
    folder = client.mkdir("many")
    stage.fill(osf, folder.strip("/"), files)
    return folder


def _check(pages, query, items, unique):
    names = [name for page in pages for name in page]
    assert (len(names), len(set(names))) == (items, unique)
    if "sort=name" in query:
        assert names == sorted(names)


@pytest.mark.parametrize(("files", "query", "token", "pages", "items", "unique"), list(_walks()))
def test_a_walk_finds_as_many_entries(client, osf, walk, files, query, token, pages, items, unique):
    read = walk(_filled(client, osf, files), query, token)
    assert len(read) == pages
    _check(read, query, items, unique)


@pytest.mark.parametrize(("files", "query", "authorized", "items", "unique"), list(_small_walks()))
def test_a_walk_through_few_entries_finds_as_many(
    client, osf, walk, files, query, authorized, items, unique
):
    token = "test-token-rw" if authorized else None
    _check(walk(_filled(client, osf, files), query, token), query, items, unique)


def test_a_page_links_to_the_others(client, osf):
    (recorded,) = (json.loads(entry) for entry in load("12").log if entry.startswith("{"))
    folder = _filled(client, osf, 250)
    target = f"/v2/nodes/{stage.PUBLIC}/files/osfstorage{folder}?page[size]=100&page=2"
    links = json.dumps(json.loads(client.ask("GET", target).body)["links"])
    links = links.replace(osf.web_url, "{API}").replace(folder, "/6b03318c218a2d5f57a3f561/")
    assert json.loads(links) == recorded


def test_waterbutler_lists_everything_at_once_and_what_was_just_written(client, osf):
    folder = _filled(client, osf, 250)
    assert len(client.listing(folder)) == 250
    for number in range(12):
        path = client.make(f"new{number}", b"1", folder)
        client.wb("PUT", path, b"22")
        assert ("file", f"new{number}", path, 2, 2) in client.listing(folder)
        client.wb("DELETE", path)
        assert len(client.listing(folder)) == 250


@pytest.fixture
def odd_names(osf):
    # No id may have a name in it, for one of the filters looks there, too.
    folder = "6b0330000000000000000000"
    names = ("F1.TXT", "a,b.txt", "f1.txt", "p%q.txt", "uXv.txt", "u_v.txt", "xf1.txt")
    files = [
        {"id": f"{folder[:-1]}{number}", "parent": folder, "name": name, "versions": [{"text": ""}]}
        for number, name in enumerate(names, 1)
    ]
    stage.enter(osf, [{"id": folder, "parent": stage.ROOTS[stage.PUBLIC], "name": "odd"}, *files])
    return f"/{folder}/"


@pytest.mark.parametrize(("query", "status", "names"), _filters())
def test_a_filter_finds_the_same_names(client, odd_names, query, status, names):
    reply = client.ask("GET", f"/v2/nodes/{stage.PUBLIC}/files/osfstorage{odd_names}?{query}")
    assert reply.status == int(status)
    found = [entry["attributes"]["name"] for entry in json.loads(reply.body)["data"]]
    assert sorted(found) == ast.literal_eval(names)


def test_the_order_of_names_is_that_of_their_code_points(odd_names, walk):
    (order,) = (entry for entry in load("26").log if entry.startswith("sort=name order: "))
    (names,) = walk(odd_names, "sort=name", "test-token-rw")
    assert names == ast.literal_eval(order.removeprefix("sort=name order: "))
