"""After a disconnected account's last day: what it had given us is gone, everything else stays."""

from datetime import UTC, datetime, timedelta

from accounts.tenancy import tenant_scope
from audience import contacts
from audience.models import Contact, Event, Identity
from connectors import connections, deletion, receipts
from connectors.models import ConnectedAccount, PushReceipt
from tests.connectors.conftest import APP_ID, OPENID, message

LATER = timedelta(days=16)


def disconnect(brand, account, by):
    with tenant_scope(brand):
        connections.disconnect(ConnectedAccount.objects.get(pk=account.pk), by)


def test_followers_known_by_nothing_else_go_and_the_others_stay(sender, account, brand, by):
    sender.send(message(msg_id="1"))
    sender.send(message(msg_id="2", FromUserName="oQHcustomer"))
    receipts.apply_waiting(brand.pk, account.pk)
    with tenant_scope(brand):
        customer = contacts.known_as("openid", APP_ID, "oQHcustomer")
        Identity.objects.create(contact=customer, kind="external", value="crm-7")
    disconnect(brand, account, by)
    assert deletion.delete_due(brand.pk, datetime.now(UTC) + timedelta(days=14)) == 0
    assert deletion.delete_due(brand.pk, datetime.now(UTC) + LATER) == 1
    with tenant_scope(brand):
        assert [contact.external_id for contact in Contact.objects.all()] == ["oQHcustomer"]
        assert list(Identity.objects.values_list("value", flat=True)) == ["crm-7"]
        assert set(Event.objects.values_list("contact_id", flat=True)) == {customer.pk}
        assert (PushReceipt.objects.count(), ConnectedAccount.objects.count()) == (0, 0)


def test_an_account_connected_again_keeps_its_followers(sender, account, brand, by):
    sender.send(message())
    receipts.apply_waiting(brand.pk, account.pk)
    disconnect(brand, account, by)
    with tenant_scope(brand):
        ConnectedAccount.objects.create(app_id=APP_ID, name="again", kind="service")
    assert deletion.delete_due(brand.pk, datetime.now(UTC) + LATER) == 1
    with tenant_scope(brand):
        assert Identity.objects.get().value == OPENID
        assert [one.name for one in ConnectedAccount.objects.all()] == ["again"]
