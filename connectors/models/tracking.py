"""What people did on pages and in mini programs: the keys to the collector, who a device belongs to, links, counts."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import TenantForeignKey, TenantModel, current_tenant_id
from audience.kinds import EventKind
from audience.models import Contact
from catalog.models import Item


class TrackingKey(models.Model):
    """A brand's public key to the collector and the places it works from: read before any scope, like an API key.

    It stands in the brand's pages for everybody to see, so it is no secret and gives no right but to hand in events.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    code = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=80)
    places = ArrayField(models.CharField(max_length=120), default=list)
    """Origins (`https://shop.example`, `https://*.shop.example`) and AppIDs of mini programs."""
    needs_consent = models.BooleanField(default=True)
    """Whether events count only after the person agreed."""
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    """The end of a key that another one replaced."""
    revoked_at = models.DateTimeField(null=True)
    first_event_at = models.DateTimeField(null=True)
    last_event_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="tracking_key_newest")]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    @property
    def is_live(self) -> bool:
        """Whether the collector takes events with it."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class Visitor(TenantModel):
    """A device whose owner is known: its own random id, and the contact a signed token named."""

    code = models.CharField(max_length=64)
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    is_signed_in = models.BooleanField(default=False)
    """Named by a session token. A link, which people pass on, names only a device that nobody has named."""
    named_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "code"], name="visitor_once")]
        indexes = [models.Index(fields=["tenant", "contact"], name="visitor_contact")]

    def __str__(self) -> str:
        return f"{self.code} is {self.contact_id}"


class HeldEvent(TenantModel):
    """An event of a device nobody has named yet; it becomes an event of the contact once a token names the device.

    Brand and item have no constraint in the database, as in the event table; the one writer
    (connectors/tracking/visitors.py) has just read both.
    """

    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.CASCADE,
        default=current_tenant_id,
        editable=False,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    visitor = models.CharField(max_length=64)
    source_id = models.CharField(max_length=140)
    source = models.SmallIntegerField()
    kind = models.SmallIntegerField()
    occurred_at = models.DateTimeField()
    item_id = models.BigIntegerField(null=True)
    dwell_seconds = models.FloatField(null=True)
    value = models.FloatField(null=True)
    text = models.TextField(null=True)
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "source_id", "source"], name="held_event_once")]
        indexes = [
            models.Index(fields=["tenant", "visitor"], name="held_event_visitor"),
            models.Index(fields=["tenant", "received_at"], name="held_event_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.visitor}: {EventKind(self.kind).word} {self.occurred_at:%F %T}"


class TrackedLink(TenantModel):
    """An address of ours that counts the click and leads to a target fixed when the link was made."""

    code = models.CharField(max_length=16)
    name = models.CharField(max_length=80)
    target = models.URLField(max_length=1000)
    item = TenantForeignKey(Item, null=True, on_delete=models.SET_NULL, related_name="+")
    campaign = models.CharField(max_length=80, blank=True)
    channel = models.CharField(max_length=80, blank=True)
    is_open = models.BooleanField(default=True)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "code"], name="tracked_link_code")]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="tracked_link_newest")]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class LinkAddress(models.Model):
    """Which brand a tracked link belongs to: read before any scope is entered."""

    code = models.CharField(max_length=16, primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.code}: {self.tenant_id}"


class TrackingTally(TenantModel):
    """How often something happened to a key or a link on a day of the site.

    The number is spread over slots, so that simultaneous requests seldom wait for each other's row; readers add up.
    """

    subject = models.CharField(max_length=40)
    """`key:<code>` or `link:<code>`."""
    day = models.DateField()
    outcome = models.CharField(max_length=40)
    slot = models.SmallIntegerField()
    num = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "subject", "day", "outcome", "slot"], name="tracking_tally_once"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.day} {self.outcome}: {self.num}"
