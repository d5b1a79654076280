"""What the preview page asks for, read from its address.

Stage: recommendation. Reads contacts and model versions; writes nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.http import Http404, QueryDict
from django.utils import timezone

from accounts.tenancy import current_tenant_id
from audience import contacts as audience_contacts
from audience.access import contact_for
from audience.models import Contact, Event
from catalog.models import Item
from modeling.access import version_for
from modeling.extract import INTEREST_KINDS
from modeling.models import ModelVersion, Purpose
from recommendations.slates import Slate, recommend

NEWCOMER = "new"
"""In place of a contact's code: somebody who has just followed."""
NUM_FOUND = 8
NUM_ITEMS = 10
NUM_ACTS = 6
NUM_VERSIONS = 30
_LIVELY = """SELECT contact_id FROM (
        SELECT contact_id FROM audience_event WHERE tenant_id = %(tenant)s AND item_id IS NOT NULL
            AND occurred_at BETWEEN now() - interval '30 days' AND now() LIMIT 20000) AS sample
    GROUP BY contact_id ORDER BY count(*) DESC, contact_id LIMIT %(num)s"""


@dataclass(frozen=True)
class Column:
    """One slate beside another, by one version (None: the live one)."""

    asked: ModelVersion | None
    slate: Slate
    only_here: frozenset[str] = frozenset()
    """External ids of the items that the other column does not have."""


@dataclass(frozen=True)
class Preview:
    """Who is looked at, with which versions, narrowed to which kinds."""

    text: str
    found: list[Contact]
    contact: Contact | None
    is_newcomer: bool
    kinds: list[str]
    version: ModelVersion | None
    against: ModelVersion | None

    @classmethod
    def read(cls, query: QueryDict) -> "Preview":
        """The page's address as wishes; nobody chosen means the first contact found. 404 for foreign codes."""
        text, code = query.get("text", "").strip()[:80], query.get("contact", "")
        found = find_contacts(text)
        contact = contact_for(code) if code and code != NEWCOMER else None
        return cls(
            text=text,
            found=found,
            contact=contact or (found[0] if found and code != NEWCOMER else None),
            is_newcomer=code == NEWCOMER or not (contact or found),
            kinds=[kind for kind in Item.Kind.values if kind in query.getlist("kind")],
            version=_next_item_version(query.get("version", "")),
            against=_next_item_version(query.get("against", "")),
        )

    def columns(self, now: datetime) -> list[Column]:
        """One slate, or two to compare when a second version is asked for."""
        versions = [self.version] if self.against is None else [self.version, self.against]
        who = None if self.is_newcomer else self.contact
        slates = [recommend(who, NUM_ITEMS, self.kinds, now, one) for one in versions]
        shown = [frozenset(entry.item.external_id for entry in slate.items) for slate in slates]
        facts = zip(versions, slates, shown, reversed(shown), strict=True)
        return [Column(version, slate, own - other) for version, slate, own, other in facts]


def find_contacts(text: str) -> list[Contact]:
    """The contacts called so; without a text some who did much lately, else the latest who did anything."""
    lively = [] if text else lively_contacts()
    return lively or list(audience_contacts.search(text=text, has_events=None if text else True)[:NUM_FOUND])


def lively_contacts() -> list[Contact]:
    """Contacts with most acts among a sample of the last month's acts; the sample bounds the cost."""
    with connection.cursor() as cursor:
        cursor.execute(_LIVELY, {"tenant": current_tenant_id(), "num": NUM_FOUND})
        ids = [row[0] for row in cursor.fetchall()]
    known = Contact.objects.in_bulk(ids)
    return [known[pk] for pk in ids if pk in known]


def latest_acts(contact: Contact) -> list[Event]:
    """The newest acts on items that show interest."""
    acts = Event.objects.filter(
        contact=contact, kind__in=INTEREST_KINDS, item__isnull=False, occurred_at__lte=timezone.now()
    )
    return list(acts.select_related("item").order_by("-occurred_at")[:NUM_ACTS])


def next_item_versions() -> list[ModelVersion]:
    """The versions a preview can compare, the newest first."""
    return list(ModelVersion.objects.filter(purpose=Purpose.NEXT_ITEM).order_by("-number")[:NUM_VERSIONS])


def _next_item_version(code: str) -> ModelVersion | None:
    if not code:
        return None
    version = version_for(code)
    if version.purpose != Purpose.NEXT_ITEM:
        raise Http404
    return version
