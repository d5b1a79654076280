"""Tables of content understanding: fitted models, what they suggest for items, and the labels a brand gives."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Job
from accounts.tenancy import TenantForeignKey, TenantModel
from audience.models import Sentiment
from catalog.models import Item
from common.text import new_code


class ContentModel(TenantModel):
    """One fit on the brand's own content: its job says how far it is; once done it is a version with files and figures.

    Per task the live one is in use; the others stay to go back to.
    """

    class Task(models.TextChoices):
        TAGS = "tags", _("Categories and tags of items")
        SENTIMENT = "sentiment", _("Tone of comments and messages")
        PICTURES = "pictures", _("Tags of pictures")
        VECTORS = "vectors", _("Item vectors")

    code = models.CharField(max_length=16, default=new_code)
    task = models.CharField(max_length=10, choices=Task.choices)
    number = models.PositiveIntegerField(null=True)
    """Version within the task; set when the fit is done."""
    preset = models.CharField(max_length=12, default="quick")
    accept_above = models.FloatField(null=True)
    """Suggestions at least this probable are accepted without asking; null: never."""
    job = TenantForeignKey(Job, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=24, blank=True)
    """The family that did best."""
    directory = models.CharField(max_length=200, blank=True)
    """Below settings.MODEL_DIR."""
    digest = models.CharField(max_length=64, blank=True)
    """SHA-256 of model.json, which holds those of the other files."""
    result = models.JSONField(default=dict)
    is_live = models.BooleanField(default=False)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="content_model_code"),
            models.UniqueConstraint(fields=["tenant", "task", "number"], name="content_model_number"),
            models.UniqueConstraint(
                fields=["tenant", "task"], name="content_model_one_live", condition=models.Q(is_live=True)
            ),
            models.CheckConstraint(
                condition=models.Q(task__in=["tags", "sentiment", "pictures", "vectors"]),
                name="content_model_task_known",
            ),
            models.CheckConstraint(
                condition=models.Q(is_live=False) | ~models.Q(digest=""), name="content_model_live_has_files"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="content_model_newest")]

    def __str__(self) -> str:
        return f"{self.task} {self.number or self.code}"


class Suggestion(TenantModel):
    """A category or tag that a model suggests for an item, and what became of it. Accepted ones name their origin."""

    class Field(models.TextChoices):
        CATEGORY = "category", _("Category")
        TAG = "tag", _("Tag")

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("suggestion", "Open")
        ACCEPTED = "accepted", pgettext_lazy("suggestion", "Accepted")
        DISMISSED = "dismissed", pgettext_lazy("suggestion", "Dismissed")
        UNDONE = "undone", pgettext_lazy("suggestion", "Taken back")

    item = TenantForeignKey(Item, on_delete=models.CASCADE, related_name="suggestions")
    field = models.CharField(max_length=8, choices=Field.choices)
    value = models.CharField(max_length=80)
    probability = models.FloatField()
    model = TenantForeignKey(ContentModel, on_delete=models.CASCADE, related_name="suggestions")
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    is_automatic = models.BooleanField(default=False)
    """Accepted without a person's look, because it was probable enough."""
    decided_by = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "item", "field", "value"], name="suggestion_once"),
            models.CheckConstraint(condition=models.Q(field__in=["category", "tag"]), name="suggestion_field_known"),
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "accepted", "dismissed", "undone"]), name="suggestion_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(probability__gte=0, probability__lte=1), name="suggestion_is_probability"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "state", "-probability"], name="suggestion_open")]

    def __str__(self) -> str:
        return f"{self.item_id}: {self.field} {self.value} {self.probability:.2f}"


class SentimentLabel(TenantModel):
    """The tone that a person gave a text; it holds for every comment and message with this text."""

    text_key = models.UUIDField()
    """`content.sentiment.text_key` of the text."""
    text = models.CharField(max_length=500)
    tone = models.CharField(max_length=8, choices=Sentiment.Tone.choices)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "text_key"], name="sentiment_label_once"),
            models.CheckConstraint(
                condition=models.Q(tone__in=["negative", "neutral", "positive"]), name="sentiment_label_tone_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tone}: {self.text[:40]}"


class LabelledPicture(TenantModel):
    """A picture of the brand with a label, from an uploaded archive: what picture models learn from beside items."""

    code = models.CharField(max_length=16, default=new_code)
    label = models.CharField(max_length=40)
    file = models.CharField(max_length=200)
    """Name in storage, made by the server; a small picture that holds nothing but pixels."""
    sha256 = models.CharField(max_length=64)
    """Of the stored file, so that the same picture is kept once."""
    filename = models.CharField(max_length=200, blank=True)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="labelled_picture_code"),
            models.UniqueConstraint(fields=["tenant", "sha256"], name="labelled_picture_once"),
        ]
        indexes = [models.Index(fields=["tenant", "label"], name="labelled_picture_label")]

    def __str__(self) -> str:
        return f"{self.label}: {self.filename}"
