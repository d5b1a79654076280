"""Whom campaigns speak to."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantForeignKey, TenantModel
from audience.models import Contact
from common.text import new_code


class Segment(TenantModel):
    """A named part of the contacts: by a rule that is always asked anew, or a list of people that stays as it is."""

    class Kind(models.TextChoices):
        DYNAMIC = "dynamic", _("By rule")
        FIXED = "fixed", _("Fixed list")

    code = models.CharField(max_length=16, default=new_code)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    rule: Any = models.JSONField(default=dict)
    """What `segments.rules.read_rule` takes. Of a fixed list: the rule it was frozen from; empty when uploaded."""
    number = models.PositiveIntegerField(default=1)
    """Version of name and rule; earlier ones are in SegmentVersion."""
    num_members = models.PositiveIntegerField(null=True)
    """As counted last."""
    counted_at = models.DateTimeField(null=True)
    is_archived = models.BooleanField(default=False)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="segment_code"),
            models.UniqueConstraint(fields=["tenant", "name"], name="segment_name"),
            models.CheckConstraint(condition=models.Q(kind__in=["dynamic", "fixed"]), name="segment_kind_known"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_fixed(self) -> bool:
        """Whether its members are a list."""
        return self.kind == self.Kind.FIXED


class SegmentVersion(TenantModel):
    """What a segment was called and whom it meant from one change to the next."""

    segment = TenantForeignKey(Segment, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=80)
    rule: Any = models.JSONField(default=dict)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "segment", "number"], name="segment_version_once")]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.segment_id} version {self.number}"


class SegmentMember(TenantModel):
    """A contact on a fixed list."""

    segment = TenantForeignKey(Segment, on_delete=models.CASCADE, related_name="members")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "segment", "contact"], name="segment_member_once")]
        indexes = [models.Index(fields=["tenant", "contact"], name="segment_member_contact")]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.segment_id}"
