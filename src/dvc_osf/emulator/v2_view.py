"""What the handlers of API v2 have in common."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from . import v2_errors
from .answer import Answer
from .v2_json import Shapes, encode

if TYPE_CHECKING:
    from .exchange import Exchange
    from .store import Node

_ACCEPTED_VERSION = re.compile(r"version=([\d.]+)")


class View:
    """A request to API v2.

    Parameters
    ----------
    exchange
        The request.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.caller = exchange.caller
        self.world = exchange.world
        in_query = exchange.query.get("version")
        accepted = _ACCEPTED_VERSION.search(exchange.request.headers.get("Accept", ""))
        version = in_query or (accepted[1] if accepted else "2.0")
        self.shapes = Shapes(self.world, self.caller, version, in_query=in_query is not None)

    def answer(self, value: Any, status: int = 200) -> Answer:
        """Return an answer with JSON."""
        return Answer(status, {}, encode(value))

    def node(self, kind: str, guid: str, what: str = "resource") -> Node:
        """Return a node that the caller may see.

        Parameters
        ----------
        what
            How the answer calls it if it was deleted.

        Raises
        ------
        Refusal
            403 for lack of scope, then 404, 410, and 401 or 403.
        """
        if not self.caller.may_use_nodes:
            raise v2_errors.out_of_scope()
        node = self.world.store.node(guid)
        if node is None or node.kind != kind:
            raise v2_errors.not_found()
        if node.deleted:
            raise v2_errors.gone(what)
        if not self.caller.may_read(self.world.store, node):
            raise self.denied()
        return node

    def denied(self) -> Exception:
        """Return the refusal for a caller without rights: log in, or give up."""
        if self.caller.user is None:
            return v2_errors.unauthorized()
        return v2_errors.forbidden()

    async def attributes(self) -> dict[str, Any]:
        """Return the attributes that the request's body sets.

        Raises
        ------
        Refusal
            400 for a body that is no JSON:API document.
        """
        try:
            document = json.loads(await self.exchange.read())
            attributes = document["data"]["attributes"]
        except (ValueError, KeyError, TypeError):
            raise v2_errors.error(
                400, "Request must include /data.", source={"pointer": "/data"}
            ) from None
        return attributes if isinstance(attributes, dict) else {}
