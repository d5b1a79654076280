"""Every main page on a phone: nothing wider than the window, nothing the browser complains about."""

import random
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import keys
from accounts.actors import Actor
from accounts.models import Job, Tenant, User
from accounts.tenancy import tenant_scope
from audience import contacts, events
from audience.kinds import EventKind, Source
from audience.models import Contact
from catalog import items
from catalog.models import Item
from config.processes import wait_until
from modeling import runs
from modeling.models import ModelVersion
from tests.browser.conftest import PHONE, Site

KINDS = [EventKind.READ, EventKind.LIKE, EventKind.SHARE, EventKind.PURCHASE, EventKind.FOLLOW]
LONG = "一篇标题特别特别长的文章，长到在手机上一定要换行才放得下"


def fill(brand: Tenant, by: Actor) -> Job:
    """Followers, items of every kind, behaviour, a key, and the job that trains the simple models."""
    rng = random.Random(5)
    with tenant_scope(brand):
        kinds = Item.Kind.values
        items.upsert(
            [
                {
                    "external_id": f"i{n}",
                    "title": f"{LONG}{n}",
                    "kind": kinds[n % 6],
                    "tags": ["茶"],
                    "price_fen": 12900,
                }
                for n in range(24)
            ],
            by,
        )
        contacts.upsert(
            [{"external_id": f"openid-of-a-follower-{n:04}", "name": f"粉丝{n}", "tags": ["新粉"]} for n in range(40)],
            by,
        )
        people, things = (list(model.objects.values_list("pk", flat=True)) for model in (Contact, Item))
        at = timezone.now() - timedelta(days=20)
        events.record(
            events.NewEvent(
                Source.API,
                f"e{n}",
                rng.choice(people),
                rng.choice(KINDS),
                at + timedelta(minutes=30 * n),
                rng.choice(things),
            )
            for n in range(900)
        )
        keys.create(brand, "商城", list(keys.SCOPES), by)
        run = runs.start_simple(by)
    assert run is not None
    return run.job


def main_pages(brand: Tenant) -> list[str]:
    """The address of every main page that the brand has now."""
    with tenant_scope(brand):
        contact, item = Contact.objects.order_by("pk")[0], Item.objects.order_by("pk")[0]
        version = ModelVersion.objects.select_related("run").order_by("pk")[0]
    pages: list[tuple[str, ...]] = [
        ("campaigns:home",),
        ("audience:imports",),
        ("audience:upload",),
        ("audience:formats",),
        ("audience:contacts",),
        ("audience:contact", contact.code),
        ("audience:edit_contact", contact.code),
        ("catalog:items",),
        ("catalog:new",),
        ("catalog:item", item.external_id),
        ("modeling:runs",),
        ("modeling:new_run",),
        ("modeling:run", version.run.code),
        ("modeling:versions",),
        ("modeling:version", version.code),
        ("modeling:content",),
        ("modeling:suggestions",),
        ("modeling:sentiment",),
        ("modeling:labels",),
        ("modeling:pictures",),
        ("modeling:studies",),
        ("recommendations:preview",),
        ("settings:members",),
        ("settings:keys",),
        ("settings:audit",),
    ]
    addresses = [reverse(name, args=[brand.slug, *args]) for name, *args in pages]
    addresses += [reverse(name) for name in ("accounts:brands", "accounts:new_brand", "account_change_password")]
    more = {"modeling:new_run": "purpose=engagement", "recommendations:preview": f"contact={contact.code}"}
    return addresses + [f"{reverse(name, args=[brand.slug])}?{query}" for name, query in more.items()]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_main_page_fits_a_phone(site: Site, visitor, person: User, shop, language):
    site.hint(fill(shop, Actor.person(person)))

    def is_trained() -> bool:
        with tenant_scope(shop):
            return bool(Job.objects.filter(state=Job.State.SUCCEEDED).exists())

    assert wait_until(is_trained, 60)
    someone = visitor(language, PHONE)
    someone.sign_in("lin@browser.test")
    wide = {}
    for path in main_pages(shop):
        someone.open(path).wait_for_load_state("networkidle")
        if someone.overflow():
            wide[path] = someone.overflow()
    assert wide == {}


def test_the_entrance_fits_a_phone(visitor, db):
    someone = visitor("zh", PHONE)
    for path in ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"):
        someone.open(path)
        assert someone.overflow() == 0
