"""API v2's entrance, and its accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import v2_errors
from .answer import Answer

if TYPE_CHECKING:
    from .v2_view import View

_FLAGS = [
    "storage_usage",
    "institutions_nav_bar",
    "storage_i18n",
    "osf_groups",
    "egap_admins",
    "enable_chronos",
    "enable_no_login_emails",
    "collection_submission_with_cedar",
]
_SECTIONS = {
    "nodes": "nodes/",
    "users": "users/",
    "collections": "collections/",
    "registrations": "registrations/",
    "institutions": "institutions/",
    "licenses": "licenses/",
    "schemas": "schemas/registrations/",
    "addons": "addons/",
}


async def root(view: View) -> Answer:
    """Answer ``/v2/``."""
    user = view.world.store.user(view.caller.user)
    api = f"{view.world.web_url}/v2/"
    return view.answer(
        {
            "meta": {
                "message": "Welcome to the OSF API.",
                "version": view.shapes.version,
                "current_user": {"data": view.shapes.user(user)} if user else None,
                "active_flags": _FLAGS,
            },
            "links": {name: api + path for name, path in _SECTIONS.items()},
        }
    )


async def detail(view: View, guid: str) -> Answer:
    """Answer ``/v2/users/<guid>/`` and ``/v2/users/me/``."""
    if not view.caller.may_use_users:
        raise v2_errors.out_of_scope()
    if guid == "me":
        if view.caller.user is None:
            raise v2_errors.unauthorized()
        guid = view.caller.user
    user = view.world.store.user(guid.lower())
    if user is None:
        raise v2_errors.not_found()
    return view.answer(view.shapes.single(view.shapes.user(user)))


async def guid(view: View, guid: str) -> Answer:
    """Answer ``/v2/guids/<guid>/``: lead to the node or the account."""
    store = view.world.store
    node, user = store.node(guid), store.user(guid.lower())
    if node is None and user is None:
        raise v2_errors.not_found()
    place = f"{node.kind}/{node.id}" if node else f"users/{guid.lower()}"
    headers = {
        "Location": f"{view.world.web_url}/v2/{place}/",
        "Content-Type": "text/html; charset=utf-8",
    }
    return Answer(302, headers)
