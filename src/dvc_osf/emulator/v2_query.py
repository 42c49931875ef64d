"""Filters, order and pages of API v2's listings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .records import Entity
from .v2_errors import error, server_error

if TYPE_CHECKING:
    from .exchange import Exchange
    from .store import Node, Store
    from .v2_json import Shapes

_FILTER = re.compile(r"filter\[([\w,\s]*)\](?:\[(\w+)\])?")
# What a field is in the database; the fields with None are known but not filterable here.
_FILTERABLE = {"name": "name", "id": "id", "path": "'/' || id", "provider": "'osfstorage'"}
_UNFILTERABLE = {"last_touched", "date_modified", "date_created", "checkout", "extra"}
_OPERATORS = {
    "icontains": "instr(unicode_upper({}), unicode_upper(?))",
    "contains": "instr({}, ?)",
    "eq": "{} = ?",
    "ne": "{} <> ?",
}
_SORTABLE = {"name": "name", "id": "id", "date_modified": "modified", "size": "size"}
# Projects: by the database's names of fields, or else by the names that the answers have.
_NODE_FIELDS = {name: name for name in ("title", "description", "category", "created")}
_NODE_FIELDS["last_logged"] = "modified"
_NODE_NAMES = {"date_created": "created", "date_modified": "modified"}
_DEFAULT_PAGE, _LARGEST_PAGE = 10, 100
# Walking an unsorted listing first goes wrong on the fifth page, then on every other one.
_FIRST_BAD_PAGE = 5


@dataclass(frozen=True)
class Page:
    """The part of a listing that was asked for; pages count from 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many items come before."""
        return (self.number - 1) * self.size

    @classmethod
    def asked(cls, exchange: Exchange) -> Page:
        """Return the page that a request asks for.

        Raises
        ------
        Refusal
            404 for a page that is not a positive number.
        """
        size = exchange.query.get("page[size]", "")
        number = exchange.query.get("page", "1")
        if not number.isdecimal() or int(number) < 1:
            raise error(404, "Invalid page.")
        asked = int(size) if size.isdecimal() else 0
        return cls(int(number), min(asked, _LARGEST_PAGE) or _DEFAULT_PAGE)

    def check(self, total: int) -> None:
        """Refuse a page behind the last one."""
        if self.number > 1 and self.offset >= total:
            raise error(404, "Invalid page.")


def entity_page(
    exchange: Exchange, store: Store, folder: str, page: Page
) -> tuple[int, list[Entity]]:
    """Return how many children of a folder pass the filters, and one page of them."""
    if "info" in exchange.query:
        return 0, []
    if "versions" in exchange.query.get("embed", "").split(","):
        raise server_error()
    where, parameters = "parent = ?", [folder]
    for name, value in exchange.query_pairs:
        match = _FILTER.fullmatch(name)
        if match is not None:
            condition, values = _condition(match[1], match[2], value)
            where += f" AND ({condition})"
            parameters += values
    total = store.db.execute(
        f"SELECT count(*) FROM entities WHERE {where}",  # noqa: S608
        parameters,
    ).fetchone()[0]
    page.check(total)
    order = _order(exchange)
    rows = store.db.execute(
        # The conditions and the order are made of this module's own words.
        f"SELECT * FROM entities WHERE {where} ORDER BY {order or 'number DESC'}"  # noqa: S608
        " LIMIT ? OFFSET ?",
        [*parameters, page.size + 1, max(page.offset - 1, 0)],
    )
    entities = [Entity(*row) for row in rows]
    before = entities.pop(0) if page.offset else None
    entities = entities[: page.size]
    shuffled = order is None and exchange.world.settings.v2_shuffle
    if shuffled and before is not None and page.number in range(_FIRST_BAD_PAGE, 1 << 30, 2):
        # The database breaks ties differently for every page: an entry comes twice, another never.
        entities[0] = before
    return total, entities


def _condition(names: str, operator: str | None, value: str) -> tuple[str, list[str]]:
    parts, values = [], []
    for name in (part.strip() for part in names.split(",")):
        if name == "size":
            raise server_error()
        if name == "kind":
            parts.append("kind = ?")
            values.append("folder" if value == "folder" else "file")
        elif name == "tags":
            parts.append("0")
        elif name in _FILTERABLE:
            parts.append(_operation(operator).format(_FILTERABLE[name]))
            values.append(value)
        elif name in _UNFILTERABLE:
            raise _bad_filter(f"Value '{name}' is not a filterable field.")
        else:
            raise _bad_filter(f"'{name}' is not a valid field for this endpoint.")
    return " OR ".join(parts), values


def _operation(operator: str | None) -> str:
    try:
        return _OPERATORS[operator or "icontains"]
    except KeyError:
        message = (
            f"'{operator}' is not a supported filter operator; use one of contains, icontains, "
            "eq, ne."
        )
        raise _bad_filter(message) from None


def _bad_filter(detail: str) -> Exception:
    return error(400, detail, source={"parameter": "filter"})


def _order(exchange: Exchange) -> str | None:
    asked = exchange.query.get("sort", "")
    column = _SORTABLE.get(asked.removeprefix("-"))
    if column is None:
        return None
    return f"{column} {'DESC' if asked.startswith('-') else 'ASC'}, id"


def ordered_nodes(exchange: Exchange, nodes: list[Node]) -> list[Node]:
    """Return nodes in the order asked for; names that cannot be sorted by change nothing."""
    asked = [name.strip() for name in exchange.query.get("sort", "").split(",")]
    for fields in (_NODE_FIELDS, _NODE_NAMES):
        known = [name for name in asked if name.removeprefix("-") in fields]
        for name in reversed(known):
            key = attrgetter(fields[name.removeprefix("-")])
            nodes = sorted(nodes, key=key, reverse=name.startswith("-"))
        if known:
            break
    return nodes


def collection(
    exchange: Exchange, shapes: Shapes, page: Page, total: int, data: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return an answer with one page of things."""
    data = [_sparse(exchange, item) for item in data]
    pages = max(-(-total // page.size), 1)
    links: dict[str, Any] = {
        "first": _link(exchange, 1) if page.number > 1 else None,
        "last": _link(exchange, pages) if page.number < pages else None,
        "prev": _link(exchange, page.number - 1) if page.number > 1 else None,
        "next": _link(exchange, page.number + 1) if page.number < pages else None,
    }
    counts = {"total": total, "per_page": page.size}
    if shapes.modern:
        links = {"self": _link(exchange, page.number), **links}
        return {"data": data, "meta": {**counts, **shapes.meta}, "links": links}
    return {"data": data, "links": {**links, "meta": counts}, "meta": shapes.meta}


def _link(exchange: Exchange, number: int) -> str:
    query = {name: value for name, value in exchange.query_pairs if name != "page"}
    if number > 1:
        query["page"] = str(number)
    url = f"{exchange.world.web_url}{exchange.path}"
    return f"{url}?{urlencode(sorted(query.items()))}" if query else url


def _sparse(exchange: Exchange, item: dict[str, Any]) -> dict[str, Any]:
    asked = exchange.query.get(f"fields[{item['type']}]")
    if asked is None:
        return item
    wanted = set(asked.split(","))
    sparse = dict(item)
    sparse["attributes"] = {
        name: value for name, value in item["attributes"].items() if name in wanted
    }
    relationships = {
        name: value for name, value in item.get("relationships", {}).items() if name in wanted
    }
    sparse.pop("relationships", None)
    if relationships:
        sparse["relationships"] = relationships
    return sparse
