"""The account's templates as people manage them: what there is, what the platform's library offers, add, give back.

Stage: collect. Reads the platform's library; writes connectors.MessageTemplate. What calls the platform runs outside
transactions: what was added there stays added.
"""

from dataclasses import dataclass

from accounts.actors import Actor, record
from accounts.tenancy import tenant_scope
from common.errors import Conflict
from connectors import capabilities
from connectors.clients import AccountClient, client_for
from connectors.models import ConnectedAccount, MessageTemplate
from connectors.problems import explained
from connectors.sync.templates import keep, read
from connectors.wechat import subscriptions, template_library, templates
from connectors.wechat.template_library import LibraryKeyword, LibraryTemplate

MIN_KEYWORDS, MAX_KEYWORDS = 2, 5
MAX_USE_CHARS = 15
_Kind = MessageTemplate.Kind


@dataclass(frozen=True)
class Known:
    """Ids of an account's templates by what may be done with them; `gone` are those WeChat lists no more."""

    templates: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    long_term: tuple[str, ...] = ()
    gone: frozenset[str] = frozenset()


def known_ids(account: ConnectedAccount) -> Known:
    """The account's templates as `connectors.routes` needs them."""
    rows = MessageTemplate.objects.filter(account=account).order_by("pk").values_list("template_id", "kind", "gone_at")
    now = [(template_id, kind) for template_id, kind, gone_at in rows if gone_at is None]
    return Known(
        templates=tuple(template_id for template_id, kind in now if kind == _Kind.TEMPLATE),
        notices=tuple(template_id for template_id, kind in now if kind in MessageTemplate.NOTICES),
        long_term=tuple(template_id for template_id, kind in now if kind == _Kind.LONG),
        gone=frozenset(template_id for template_id, _kind, gone_at in rows if gone_at is not None),
    )


def listed(account: ConnectedAccount) -> list[MessageTemplate]:
    """Every template ever seen, those in use first."""
    rows = MessageTemplate.objects.filter(account=account)
    return sorted(rows, key=lambda row: (row.gone_at is not None, row.kind != _Kind.TEMPLATE, row.title, row.pk))


# --- the platform's library -----------------------------------------------------------------------------------------


def library(account: ConnectedAccount) -> list[LibraryTemplate]:
    """Notices that the account's categories may take. Call outside transactions."""
    client = _client(account, "subscription")
    with explained():
        categories = [one.id for one in template_library.read_categories(client)]
        return list(template_library.read_titles(client, categories)) if categories else []


def keywords(account: ConnectedAccount, library_id: str) -> tuple[LibraryKeyword, ...]:
    """The fields that may be taken with a notice. Call outside transactions."""
    with explained():
        return template_library.read_keywords(_client(account, "subscription"), library_id)


def add_notice(
    account: ConnectedAccount, library_id: str, keyword_ids: tuple[int, ...], use: str, by: Actor
) -> MessageTemplate:
    """Take a notice with 2 to 5 fields out of the library; `use` tells WeChat what for, in 15 characters."""
    client = _client(account, "subscription")
    with explained():
        template_id = subscriptions.add_template(client, library_id, keyword_ids, use)
    return _keep_added(account, client, MessageTemplate.NOTICES, template_id, by)


def add_template(account: ConnectedAccount, short_id: str, names: tuple[str, ...], by: Actor) -> MessageTemplate:
    """Take a template message with these keywords out of the library, by the number shown in WeChat's console."""
    client = _client(account, "template")
    with explained():
        template_id = templates.add_template(client, short_id, names)
    return _keep_added(account, client, (_Kind.TEMPLATE,), template_id, by)


def _keep_added(
    account: ConnectedAccount, client: AccountClient, kinds: tuple[str, ...], template_id: str, by: Actor
) -> MessageTemplate:
    with explained():
        found = read(client, kinds)
    with tenant_scope(account.brand_id):
        keep(account, kinds, found)
        row: MessageTemplate | None = MessageTemplate.objects.filter(account=account, template_id=template_id).first()
        if row is None:
            raise Conflict("WeChat has added the template and does not list it yet. Fetch the templates in a minute.")
        record(by, "add_template", "account", account.code, name=row.title, kind=row.kind)
    return row


def delete(template: MessageTemplate, by: Actor) -> None:
    """Give a template back: nothing can be sent with it any more."""
    account = template.account
    client = _client(account, "subscription" if template.is_notice else "template")
    with explained():
        give_back = subscriptions.delete_template if template.is_notice else templates.delete_template
        give_back(client, template.template_id)
        kinds = MessageTemplate.NOTICES if template.is_notice else (_Kind.TEMPLATE,)
        found = read(client, kinds)
    with tenant_scope(account.brand_id):
        keep(account, kinds, found)
        record(by, "delete_template", "account", account.code, name=template.title, kind=template.kind)


def _client(account: ConnectedAccount, capability: str) -> AccountClient:
    with tenant_scope(account.brand_id):
        if not capabilities.has(account, capability):
            raise Conflict(
                "WeChat gives %(name)s no templates of this kind: they are for verified service accounts, notices "
                "also for mini programs.",
                name=account.name,
            )
        return client_for(account)
