"""Who, and what happened: contacts, identities, consent, events, uploads."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Job
from accounts.tenancy import TenantForeignKey, TenantManager, TenantModel
from audience.kinds import EventKind, Source
from catalog.models import Item
from common.text import new_code


class Contact(TenantModel):
    """A follower, learner or customer of the brand. `external_id` is the brand's own id for the person."""

    class Gender(models.TextChoices):
        UNKNOWN = "", _("Unknown")
        FEMALE = "female", _("Female")
        MALE = "male", _("Male")

    class AgeBand(models.TextChoices):
        UNKNOWN = "", _("Unknown")
        UNDER_18 = "under_18", _("Under 18")
        FROM_18 = "18_24", "18–24"
        FROM_25 = "25_34", "25–34"
        FROM_35 = "35_44", "35–44"
        FROM_45 = "45_54", "45–54"
        FROM_55 = "55_plus", _("55 and over")

    code = models.CharField(max_length=16, default=new_code)
    external_id = models.CharField(max_length=128)
    name = models.CharField(max_length=80, blank=True)
    name_sort = models.CharField(max_length=200, blank=True)
    gender = models.CharField(max_length=6, choices=Gender.choices, blank=True)
    age_band = models.CharField(max_length=8, choices=AgeBand.choices, blank=True)
    region = models.CharField(max_length=40, blank=True)
    city = models.CharField(max_length=40, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    followed_at = models.DateTimeField(null=True, blank=True)
    is_personalisation_off = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "external_id"], name="contact_external_id"),
            models.UniqueConstraint(fields=["tenant", "code"], name="contact_code"),
        ]
        indexes = [
            models.Index(fields=["tenant", "name_sort"], name="contact_by_name"),
            GinIndex(fields=["tags"], name="contact_tags"),
        ]

    def __str__(self) -> str:
        return self.name or self.external_id


class Identity(TenantModel):
    """One name a platform knows the contact by. An openid belongs to one account, a unionid to the whole brand."""

    class Kind(models.TextChoices):
        OPENID = "openid", "OpenID"
        UNIONID = "unionid", "UnionID"
        PHONE_HASH = "phone_hash", _("Phone (hashed)")
        EXTERNAL = "external", _("External id")

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="identities")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    account_ref = models.CharField(max_length=64, blank=True)
    """The AppID the openid belongs to; empty for the other kinds."""
    value = models.CharField(max_length=128)
    followed_at = models.DateTimeField(null=True)
    """When the person last began to follow the account that the openid belongs to."""
    unfollowed_at = models.DateTimeField(null=True)
    blocked_at = models.DateTimeField(null=True)
    """When we learnt that the account has the person on its blacklist; empty: not on it."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "kind", "account_ref", "value"], name="identity_once"),
        ]
        indexes = [models.Index(fields=["tenant", "contact"], name="identity_contact")]

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @property
    def is_following(self) -> bool:
        """Whether the person follows the account now, as far as we were told."""
        return self.followed_at is not None and (self.unfollowed_at is None or self.unfollowed_at < self.followed_at)


class Consent(TenantModel):
    """A contact's present answer for one purpose (PIPL); the audit trail has the earlier ones."""

    class Purpose(models.TextChoices):
        MARKETING = "marketing", _("Marketing messages")
        PERSONALISATION = "personalisation", _("Personalised recommendations")
        TRAINING = "training", _("Use in model training")

    class State(models.TextChoices):
        GRANTED = "granted", _("Granted")
        DENIED = "denied", _("Denied")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=16, choices=Purpose.choices)
    state = models.CharField(max_length=10, choices=State.choices)
    evidence = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "contact", "purpose"], name="consent_once")]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.purpose}: {self.state}"


class Erasure(TenantModel):
    """A contact that will be deleted with everything known of it, and when (PIPL art. 47, WeChat's rules)."""

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="erasures")
    reason = models.CharField(max_length=60)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "contact"], name="erasure_once")]
        indexes = [models.Index(fields=["tenant", "due_at"], name="erasure_due")]

    def __str__(self) -> str:
        return f"{self.contact_id} on {self.due_at:%F}: {self.reason}"


class ContactMerge(TenantModel):
    """Another contact that was found to be the same person: all it had is the survivor's now, until this is undone."""

    class Basis(models.TextChoices):
        UNIONID = "unionid", _("Same UnionID")
        PHONE_HASH = "phone_hash", _("Same phone number")
        PERSON = "person", _("A person's decision")

    code = models.CharField(max_length=16, default=new_code)
    into = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="merges")
    other_code = models.CharField(max_length=16)
    other_external_id = models.CharField(max_length=128)
    other_name = models.CharField(max_length=80, blank=True)
    basis = models.CharField(max_length=10, choices=Basis.choices)
    kept: Any = models.JSONField(default=dict)
    """What undoing needs: both rows as they were, what was moved, what had to go. Written by audience/merging.py."""
    merged_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    undone_by = models.CharField(max_length=200, blank=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="contact_merge_code"),
            models.CheckConstraint(
                condition=models.Q(basis__in=["unionid", "phone_hash", "person"]), name="contact_merge_basis_known"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "into"], name="contact_merge_into"),
            models.Index(fields=["tenant", "other_external_id"], name="contact_merge_id"),
            models.Index(fields=["tenant", "other_code"], name="contact_merge_other_code"),
        ]

    def __str__(self) -> str:
        return f"{self.other_external_id} into {self.into_id}"


class Import(TenantModel):
    """One uploaded file on its way into the brand: detected, confirmed, run as a job, reported, undoable."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Waiting for your check")
        CONFIRMED = "confirmed", _("In work")
        DONE = "done", _("Done")
        UNDONE = "undone", _("Undone")

    code = models.CharField(max_length=16, default=new_code)
    filename = models.CharField(max_length=200)
    file = models.CharField(max_length=200)
    """Name in storage, made by the server."""
    size_bytes = models.BigIntegerField(validators=[MinValueValidator(1)])
    sha256 = models.CharField(max_length=64)
    layout = models.JSONField(default=dict)
    preset = models.CharField(max_length=20, blank=True)
    mapping = models.JSONField(default=dict)
    options = models.JSONField(default=dict)
    rules_version = models.CharField(max_length=20, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    job = TenantForeignKey(Job, null=True, on_delete=models.PROTECT, related_name="+")
    report = models.JSONField(null=True)
    rejects_file = models.CharField(max_length=200, blank=True)
    undo_file = models.CharField(max_length=200, blank=True)
    first_event_at = models.DateTimeField(null=True)
    last_event_at = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="import_code"),
            models.CheckConstraint(
                condition=models.Q(state__in=["draft", "confirmed", "done", "undone"]), name="import_state_known"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="import_newest")]

    def __str__(self) -> str:
        return f"{self.filename} ({self.code})"


class Event(models.Model):
    """Something a contact did. Append-only and partitioned by month; only undoing its import removes it.

    The table, its partitions and row-level security are made by SQL in the migration. `source_key` is
    `events.source_key(source, source_id)`; audience_event_key keeps the keys of events that came with an id of their
    own, so the same source id never makes a second event within the brand.
    """

    pk = models.CompositePrimaryKey("tenant", "contact", "occurred_at", "source_key")
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.DO_NOTHING, db_constraint=False)
    source_key = models.UUIDField()
    occurred_at = models.DateTimeField()
    contact = models.ForeignKey(Contact, on_delete=models.DO_NOTHING, db_constraint=False, related_name="events")
    item = models.ForeignKey(Item, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="events")
    kind = models.SmallIntegerField(choices=EventKind.choices)
    source = models.SmallIntegerField(choices=Source.choices)
    dwell_seconds = models.FloatField(null=True)
    amount_fen = models.BigIntegerField(null=True)
    value = models.FloatField(null=True)
    """A rating or another plain number that came with the event."""
    text = models.TextField(null=True)
    batch = models.ForeignKey(Import, null=True, on_delete=models.DO_NOTHING, db_constraint=False)
    received_at = models.DateTimeField()

    objects = TenantManager()

    class Meta:
        managed = False
        db_table = "audience_event"

    def __str__(self) -> str:
        return f"{self.occurred_at:%F %T} {self.contact_id} {EventKind(self.kind).word} {self.item_id}"


class Sentiment(TenantModel):
    """The tone of one comment or message: what a model or a person said of it. Written by modeling/sentiments.py.

    It belongs to the event with the same source key and goes when that goes.
    """

    class Tone(models.TextChoices):
        NEGATIVE = "negative", _("Negative")
        NEUTRAL = "neutral", _("Neutral")
        POSITIVE = "positive", _("Positive")

    class Origin(models.TextChoices):
        MODEL = "model", _("Modelled")
        PERSON = "person", _("Labelled by a person")

    source_key = models.UUIDField()
    occurred_at = models.DateTimeField()
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="sentiments")
    item = TenantForeignKey(Item, null=True, on_delete=models.CASCADE, related_name="sentiments")
    text_key = models.UUIDField()
    """Digest of the text; equal texts have equal keys."""
    tone = models.CharField(max_length=8, choices=Tone.choices)
    probability = models.FloatField()
    """How sure the model is; 1 when a person said so."""
    origin = models.CharField(max_length=6, choices=Origin.choices)
    said_by = models.CharField(max_length=16, blank=True)
    """Code of the model."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "source_key"], name="sentiment_once"),
            models.CheckConstraint(
                condition=models.Q(tone__in=["negative", "neutral", "positive"]), name="sentiment_tone_known"
            ),
            models.CheckConstraint(condition=models.Q(origin__in=["model", "person"]), name="sentiment_origin_known"),
        ]
        indexes = [
            models.Index(fields=["tenant", "tone", "-occurred_at"], name="sentiment_newest"),
            models.Index(fields=["tenant", "text_key"], name="sentiment_text"),
            models.Index(fields=["tenant", "item"], name="sentiment_item"),
        ]

    def __str__(self) -> str:
        return f"{self.source_key}: {self.tone} {self.probability:.2f}"


class Engagement(TenantModel):
    """One row of the field's wide table: what a contact did in all, and whether it converted (`label`)."""

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="engagements")
    batch = TenantForeignKey(Import, on_delete=models.CASCADE, related_name="engagements")
    likes = models.FloatField(default=0)
    transfers = models.FloatField(default=0)
    comments = models.FloatField(default=0)
    time_spent = models.FloatField(default=0)
    """Seconds."""
    label = models.BooleanField(null=True)
    extra = models.JSONField(default=dict)
    """Further numeric columns of the file, by header."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "contact"], name="engagement_once")]
        indexes = [models.Index(fields=["tenant", "batch"], name="engagement_batch")]

    def __str__(self) -> str:
        return f"{self.contact_id}: {self.label}"


class IdempotencyRecord(TenantModel):
    """The answer given to an API batch, so that a repeated `Idempotency-Key` gets the same answer again."""

    key = models.CharField(max_length=128)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    answer = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key
