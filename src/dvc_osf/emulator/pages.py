"""The web pages: projects, their files, and links that download them.

Private projects are shown like public ones: whoever can open these pages owns the machine. Their
download links carry a view-only key, because a browser has no token.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from .answer import Answer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from .exchange import Exchange
    from .records import Entity
    from .store import Node
    from .world import World

_HTML = "text/html; charset=utf-8"
_DOWNLOAD = re.compile(r"/download/(\w+)/?")
_PROJECT = re.compile(r"/(\w+)(?:/files(?:/osfstorage)?)?/?")
_ENTITY = re.compile(r"/(\w+)/files/osfstorage/(?P<id>\w+)/?")
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem;
  color: #263947; }
a { color: #1b6ea8; text-decoration: none; } a:hover { text-decoration: underline; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; border-bottom: 2px solid #d5dbe0; padding: .4rem .8rem .4rem 0; }
td { border-bottom: 1px solid #eceff1; padding: .3rem .8rem .3rem 0; white-space: pre; }
td.number { text-align: right; } code { font-size: 85%; color: #667; }
.badge { font-size: 75%; background: #eceff1; border-radius: .6rem; padding: .1rem .6rem; }
"""


async def answer(exchange: Exchange) -> Answer:
    """Answer a request for a page."""
    path, world = exchange.path, exchange.world
    if exchange.method not in {"GET", "HEAD"}:
        return Answer(405, {"Content-Type": _HTML, "Allow": "GET, HEAD"})
    if path == "/":
        return _page("Projects", _projects(world))
    if match := _DOWNLOAD.fullmatch(path):
        return _download(exchange, match[1])
    match = _ENTITY.fullmatch(path) or _PROJECT.fullmatch(path)
    return _of_project(world, match[1], match.groupdict().get("id")) if match else _not_found()


def _of_project(world: World, guid: str, entity_id: str | None) -> Answer:
    node = world.store.node(guid)
    if node is not None and node.deleted:
        return _page("Resource deleted", iter(["<p>User has deleted this content.</p>"]), 410)
    entity = world.tree.get(entity_id or node.root) if node else None
    if node is None or entity is None or entity.node != node.id:
        return _not_found()
    if entity.is_folder:
        return _page(node.title, _files(world, node, entity))
    return _page(entity.name, _versions(world, node, entity))


def _page(title: str, content: Iterator[str], status: int = 200) -> Answer:
    async def pieces() -> AsyncGenerator[bytes, None]:
        head = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>OSF | '
        yield f"{head}{escape(title)}</title><style>{_STYLE}</style></head><body>\n".encode()
        for piece in content:
            yield piece.encode("utf-8", "replace")
        yield b"</body></html>\n"

    return Answer(status, {"Content-Type": _HTML}, pieces())


def _not_found() -> Answer:
    return _page("Page not found", iter(["<h1>Page not found</h1>\n"]), 404)


def _projects(world: World) -> Iterator[str]:
    yield "<h1>Projects</h1>\n<ul>\n"
    for node in world.store.nodes():
        yield f'<li><a href="/{node.id}/">{escape(node.title)}</a> {_badge(node)}</li>\n'
    yield "</ul>\n"


def _badge(node: Node) -> str:
    return f'<span class="badge">{"public" if node.public else "private"}</span>'


def _heading(world: World, node: Node, entity: Entity) -> str:
    trail = [f'<a href="/{node.id}/">{escape(node.title)}</a>']
    trail += [
        f'<a href="/{node.id}/files/osfstorage/{part.id}">{escape(part.name)}</a>'
        for part in world.tree.lineage(entity)[1:]
    ]
    return f"<h1>{' / '.join(trail)} {_badge(node)}</h1>\n"


def _files(world: World, node: Node, folder: Entity) -> Iterator[str]:
    yield _heading(world, node, folder)
    yield (
        "<table><thead><tr><th>Name</th><th>Size</th><th>Version</th><th>Modified</th>"
        "<th>MD5</th><th></th></tr></thead><tbody>\n"
    )
    key = _key(world, node)
    waiting = [(child, 0) for child in reversed(_sorted(world, folder))]
    while waiting:
        entity, depth = waiting.pop()
        yield _row(node, entity, depth, key)
        if entity.is_folder:
            waiting += [(child, depth + 1) for child in reversed(_sorted(world, entity))]
    yield "</tbody></table>\n"


def _sorted(world: World, folder: Entity) -> list[Entity]:
    return sorted(
        world.tree.children(folder.id),
        key=lambda entity: (not entity.is_folder, entity.name.casefold(), entity.name),
    )


def _row(node: Node, entity: Entity, depth: int, key: str) -> str:
    indent = f' style="padding-left: {depth * 1.5}rem"' if depth else ""
    name = f'<a href="/{node.id}/files/osfstorage/{entity.id}">{escape(entity.name)}</a>'
    if entity.is_folder:
        return f'<tr class="folder"><td{indent}>{name}/</td><td colspan="5"></td></tr>\n'
    return (
        f'<tr class="file"><td{indent}>{name}</td><td class="number">{entity.size}</td>'
        f'<td class="number">{entity.versions}</td><td>{_time(entity.modified)}</td>'
        f"<td><code>{entity.md5}</code></td>"
        f'<td><a class="download" href="/download/{entity.id}/{key}">Download</a></td></tr>\n'
    )


def _versions(world: World, node: Node, entity: Entity) -> Iterator[str]:
    yield _heading(world, node, entity)
    yield (
        "<table><thead><tr><th>Version</th><th>Size</th><th>Created</th><th>By</th><th>MD5</th>"
        "<th>SHA-256</th><th></th></tr></thead><tbody>\n"
    )
    key = _key(world, node).replace("?", "&amp;")
    for version in world.tree.versions(entity.id):
        user = world.store.user(version.user)
        link = f"/download/{entity.id}/?version={version.identifier}{key}"
        yield (
            f'<tr class="version"><td class="number">{version.ordinal}</td>'
            f'<td class="number">{version.size}</td><td>{_time(version.created)}</td>'
            f"<td>{escape(user.name) if user else ''}</td><td><code>{version.md5}</code></td>"
            f'<td><code>{version.sha256}</code></td><td><a class="download" href="{link}">'
            "Download</a></td></tr>\n"
        )
    yield "</tbody></table>\n"


def _time(time: str | None) -> str:
    return "" if time is None else time.partition(".")[0].replace("T", " ")


def _key(world: World, node: Node) -> str:
    return "" if node.public else f"?view_only={world.store.view_only_key(node.id)}"


def _download(exchange: Exchange, entity_id: str) -> Answer:
    world = exchange.world
    entity = world.tree.get(entity_id)
    node = world.store.node(entity.node) if entity else None
    if entity is None or node is None or entity.is_folder:
        return _not_found()
    query = f"?{exchange.raw_query}" if exchange.raw_query else ""
    place = f"/v1/resources/{node.id}/providers/osfstorage{entity.path}{query}"
    metadata = f"<{world.web_url}/metadata/{entity.id}/?format=linkset"
    headers = {
        "Location": f"{world.files_url(node)}{place}",
        "Link": f'{metadata}> ; rel="linkset" ; type="application/linkset", '
        f'{metadata}-json"> ; rel="linkset-json" ; type="application/linkset+json"',
        "Content-Type": _HTML,
        "Access-Control-Allow-Origin": world.web_url,
        "Access-Control-Allow-Credentials": "true",
    }
    return Answer(302, headers)
