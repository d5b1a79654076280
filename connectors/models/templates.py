"""What an account may fill in and send to one person: its template messages and subscription notices."""

import re
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantForeignKey, TenantModel
from common.text import new_code
from connectors.models.accounts import ConnectedAccount

_SLOT = re.compile(r"([^\n{}]*?)[:：]?[ \t]*\{\{(\w+)\.DATA\}\}")


@dataclass(frozen=True)
class Slot:
    """A field of a template: the key under which its value is sent, and what people call it."""

    key: str
    label: str


class MessageTemplate(TenantModel):
    """A template as WeChat last listed it. One that is listed no more stays known, because messages name it."""

    class Kind(models.TextChoices):
        TEMPLATE = "template", _("Template message")
        ONCE = "once", _("Subscription notice, one per subscription")
        LONG = "long", _("Subscription notice, long-term")

    NOTICES = (Kind.ONCE, Kind.LONG)

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="templates")
    code = models.CharField(max_length=16, default=new_code)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    template_id = models.CharField(max_length=80)
    title = models.CharField(max_length=100)
    content = models.TextField()
    """With a slot `{{key.DATA}}` per field."""
    example = models.TextField(blank=True)
    first_seen_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="message_template_code"),
            models.UniqueConstraint(fields=["tenant", "account", "template_id"], name="message_template_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["template", "once", "long"]), name="message_template_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_notice(self) -> bool:
        """Whether it is a subscription notice."""
        return self.kind in self.NOTICES

    @property
    def slots(self) -> list[Slot]:
        """Its fields in order."""
        found = {key: label.strip() for label, key in _SLOT.findall(self.content)}
        return [Slot(key, label or key) for key, label in found.items()]
