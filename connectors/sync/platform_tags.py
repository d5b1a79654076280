"""Tags of an account as people manage them: new ones, and which side leads. Writes connectors.PlatformTag."""

from accounts.actors import Actor, record
from accounts.tenancy import tenant_scope
from connectors.clients import client_for
from connectors.models import ConnectedAccount, PlatformTag
from connectors.problems import explained
from connectors.wechat import tags


def create(account: ConnectedAccount, name: str, by: Actor) -> PlatformTag:
    """Make the tag on WeChat, led by the brand; raises PlatformFailed (100 tags at most, names are unique).

    Call it outside transactions: what was made on WeChat stays made.
    """
    with explained():
        made = tags.create_tag(client_for(account), name)
    with tenant_scope(account.brand_id):
        row: PlatformTag = PlatformTag.objects.create(
            account=account, platform_id=made.id, name=made.name or name, leader=PlatformTag.Leader.BRAND
        )
        record(by, "create_tag", "account", account.code, tag=row.name)
    return row


def follow(tag: PlatformTag, leader: str, by: Actor) -> None:
    """Let this side lead the tag from the next pass on."""
    tag.leader = leader
    tag.save(update_fields=["leader"])
    record(by, "lead_tag", "account", tag.account.code, tag=tag.name, leader=leader)
