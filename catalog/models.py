"""What can be shown, sold or taught: articles, video, audio, products, courses and offers as Items in one id space."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel


class Item(TenantModel):
    """One thing a follower can meet. `external_id` is the brand's own id; events refer to it."""

    class Kind(models.TextChoices):
        ARTICLE = "article", _("Article")
        VIDEO = "video", _("Video")
        AUDIO = "audio", _("Audio")
        PRODUCT = "product", _("Product")
        COURSE = "course", _("Course")
        OFFER = "offer", _("Offer")

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        DRAFT = "draft", _("Draft")
        RETIRED = "retired", _("Retired")

    external_id = models.CharField(max_length=128)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.ARTICLE)
    title = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    url = models.URLField(max_length=500, blank=True)
    category = models.CharField(max_length=80, blank=True)
    author = models.CharField(max_length=80, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    price_fen = models.BigIntegerField(null=True, blank=True)
    duration_seconds = models.PositiveIntegerField(null=True, blank=True)
    picture = models.CharField(max_length=300, blank=True)
    """An https address, or the name of a file in the brand's storage."""
    attributes = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "external_id"], name="item_external_id"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["article", "video", "audio", "product", "course", "offer"]),
                name="item_kind_known",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "draft", "retired"]), name="item_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(price_fen=None) | models.Q(price_fen__gte=0), name="item_price_not_negative"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-published_at"], name="item_newest"),
            models.Index(fields=["tenant", "kind", "state"], name="item_kind_state"),
            models.Index(fields=["tenant", "url"], name="item_url", condition=~models.Q(url="")),
            GinIndex(fields=["tags"], name="item_tags"),
        ]

    def __str__(self) -> str:
        return self.title or self.external_id
