"""The menu of an account: read, publish, restore, delete; every published one is kept.

Writes connectors.MenuVersion. The platform is called between transactions: a menu that was set and could not be noted
is found by the next publication and kept then.
"""

from typing import Any

from django.db.models import Max

from accounts.actors import Actor, record
from accounts.tenancy import tenant_scope
from common.errors import Conflict
from connectors import capabilities
from connectors.clients import client_for
from connectors.models import ConnectedAccount, MenuVersion
from connectors.problems import explained
from connectors.wechat import menus
from connectors.wechat.menus import Button, Menu

Body = list[dict[str, Any]]


def read(account: ConnectedAccount) -> Menu | None:
    """The menu people see now; None when there is none. One made in the console may have entries we cannot set."""
    with explained():
        client = client_for(account)
        return menus.read_menus(client).default or menus.read_shown_menu(client).default


def publish(account: ConnectedAccount, buttons: tuple[Button, ...], by: Actor) -> MenuVersion:
    """Set the menu for everybody. Call outside transactions.

    The menu in force before is kept too when it was made elsewhere. Raises PlatformFailed; nothing is changed then.
    """
    return _set(account, buttons, by, "publish_menu")


def restore(version: MenuVersion, by: Actor) -> MenuVersion:
    """Publish a kept version again, as a new one. Call outside transactions."""
    return _set(version.account, buttons_of(version.buttons), by, "restore_menu", number=version.number)


def delete(account: ConnectedAccount, by: Actor) -> None:
    """Remove the menu, also the ones for some people. Call outside transactions."""
    with explained():
        client = _client(account)
        before = menus.read_menus(client).default
        menus.delete_menus(client)
    with tenant_scope(account.brand_id):
        _keep_found(account, before)
        record(by, "delete_menu", "account", account.code)


def _set(account: ConnectedAccount, buttons: tuple[Button, ...], by: Actor, verb: str, **details: Any) -> MenuVersion:
    with explained():
        menus.check_menu(buttons)
        client = _client(account)
        before = menus.read_menus(client).default
        menus.set_menu(client, *buttons)
    with tenant_scope(account.brand_id):
        _keep_found(account, before)
        made = _keep(account, body_of(buttons), MenuVersion.Origin.HERE, by.label)
        record(by, verb, "account", account.code, **details)
    return made


def _client(account: ConnectedAccount) -> Any:
    with tenant_scope(account.brand_id):
        if not capabilities.has(account, "menu"):
            raise Conflict("%(name)s may have no menu through WeChat's API. Verify the account.", name=account.name)
        return client_for(account)


def _keep_found(account: ConnectedAccount, before: Menu | None) -> None:
    """Keep the menu that is about to be lost, unless it is the newest kept one."""
    if before is None or not before.buttons:
        return
    newest = versions(account).first()
    if newest is None or buttons_of(newest.buttons) != before.buttons:
        _keep(account, body_of(before.buttons), MenuVersion.Origin.FOUND, "")


def _keep(account: ConnectedAccount, body: Body, origin: str, label: str) -> MenuVersion:
    ConnectedAccount.objects.select_for_update().get(pk=account.pk)  # numbers are given out one by one
    number = (MenuVersion.objects.filter(account=account).aggregate(last=Max("number"))["last"] or 0) + 1
    made: MenuVersion = MenuVersion.objects.create(
        account=account, number=number, origin=origin, buttons=body, created_by=label[:200]
    )
    return made


def versions(account: ConnectedAccount) -> Any:
    """The kept versions, the newest first."""
    return MenuVersion.objects.filter(account=account).order_by("-number")


_FIELDS = {"type": "type", "key": "key", "url": "url", "appid": "app_id", "pagepath": "page_path",
           "media_id": "media_id", "article_id": "article_id"}  # fmt: skip


def buttons_of(body: Body) -> tuple[Button, ...]:
    """Buttons from what was kept."""
    return tuple(
        Button(
            row["name"],
            children=buttons_of(row.get("sub_button", [])),
            **{ours: row[theirs] for theirs, ours in _FIELDS.items() if row.get(theirs)},
        )
        for row in body
    )


def body_of(buttons: tuple[Button, ...]) -> Body:
    """What is kept of buttons, also of kinds only the console makes."""
    rows = []
    for button in buttons:
        row: dict[str, Any] = {"name": button.name}
        row |= {theirs: getattr(button, ours) for theirs, ours in _FIELDS.items() if getattr(button, ours)}
        rows.append(row | ({"sub_button": body_of(button.children)} if button.children else {}))
    return rows
