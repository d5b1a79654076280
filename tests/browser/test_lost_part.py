"""A part of a page whose call fails says so and loads on a second try; the placeholder does not stay."""

from accounts.actors import Actor
from accounts.models import Tenant, User
from accounts.tenancy import tenant_scope
from audience import contacts
from audience.models import Contact


def test_a_profile_that_could_not_be_loaded_is_loaded_again(visitor, shop: Tenant, person: User) -> None:
    with tenant_scope(shop):
        contacts.upsert([{"external_id": "u-1", "name": "林小满", "tags": ["茶"]}], Actor.person(person))
        code = Contact.objects.get().code
    guest = visitor("en")
    page = guest.sign_in(person.email)
    page.route("**/recommendations/profile/**", lambda route: route.abort())
    guest.open(f"/b/{shop.slug}/contacts/{code}/")
    lost = page.get_by_role("alert").filter(has_text="This part could not be loaded.")
    lost.wait_for()
    assert page.locator(".placeholder").count() == 0
    page.unroute("**/recommendations/profile/**")
    lost.get_by_role("button", name="Try again").click()
    page.locator(".rec-profile").wait_for()
    assert lost.count() == 0
    assert any("sendError" in complaint for complaint in guest.complaints)
    guest.complaints.clear()  # the aborted call is what this test is about
