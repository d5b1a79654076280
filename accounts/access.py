"""Rights: which role may do what, and the one way a page asks."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from accounts.models import Role

View = TypeVar("View", bound=Callable[..., Any])


class Can(StrEnum):
    """What a page or call may demand of the person."""

    VIEW = "view"
    EDIT = "edit"  # catalog, contacts
    IMPORT = "import"
    TRAIN = "train"
    PROMOTE = "promote"  # choose what is served
    MANAGE = "manage"  # members, API keys, brand settings


_EVERYTHING = frozenset(Can)
RIGHTS: dict[str, frozenset[Can]] = {
    Role.OWNER: _EVERYTHING,
    Role.ADMIN: _EVERYTHING,
    Role.MARKETER: frozenset({Can.VIEW, Can.EDIT, Can.IMPORT, Can.TRAIN}),
    Role.ANALYST: frozenset({Can.VIEW, Can.IMPORT, Can.TRAIN, Can.PROMOTE}),
    Role.VIEWER: frozenset({Can.VIEW}),
}


def needs(can: Can, *, write: Can | None = None) -> Callable[[View], View]:
    """Mark a brand page with the right it demands (`write`: for other methods than GET and HEAD).

    `TenantMiddleware` enforces the mark and refuses brand pages without one.
    """

    def wrap(view: View) -> View:
        view.needed_rights = (can, write or can)  # type: ignore[attr-defined]  # read by the middleware
        return view

    return wrap


def enters_scopes_itself(view: View) -> View:
    """Mark a brand page that talks to an outside platform between transactions: it runs outside every scope.

    It enters `tenant_scope(request.tenant)` before and after the call, so that no transaction waits for the platform
    and none is rolled back after the platform has done something.
    """
    view.enters_scopes_itself = True  # type: ignore[attr-defined]  # read by the middleware
    return view


def scope_found_by(find: Callable[..., int | None]) -> Callable[[View], View]:
    """Mark a page for callers without a login or an API key: `find(request, ...)` says which tenant it may enter.

    `find` gets what the view gets, runs before any scope and may read the body, so that no transaction waits for a slow
    sender. When it returns None the view runs outside every scope and answers the refusal.
    """

    def wrap(view: View) -> View:
        view.find_tenant = find  # type: ignore[attr-defined]  # read by the middleware
        return view

    return wrap
