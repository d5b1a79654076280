"""How contacts, events and imports look in the REST API."""

from typing import Any, ClassVar

from rest_framework import serializers

from accounts.serializers import JobSerializer
from audience.genders import GENDER_BY_WORD
from audience.kinds import WORD_CHOICES, EventKind
from audience.models import Consent, Contact, Event, Identity, Import
from audience.presets import PRESETS
from common.serializers import StrictSerializer


class GenderField(serializers.ChoiceField):
    """A gender in any of the words that files may use, too."""

    def to_internal_value(self, data: Any) -> Any:
        """female, male or ''."""
        return super().to_internal_value(GENDER_BY_WORD.get(str(data).strip().lower(), data))


class IdentitySerializer(StrictSerializer, serializers.ModelSerializer[Identity]):
    """A platform's name for the contact."""

    class Meta:
        model = Identity
        fields = ("kind", "account_ref", "value")
        validators: list[Any] = []


class ContactSerializer(StrictSerializer, serializers.ModelSerializer[Contact]):
    """A contact; `external_id` is your own id. Posting a known id updates the contact."""

    gender = GenderField(
        Contact.Gender.choices, required=False, help_text="Also 男, 女, 未知, F, M, woman and the like."
    )
    identities = IdentitySerializer(many=True, required=False)
    consents = serializers.DictField(
        child=serializers.ChoiceField(Consent.State.choices),
        required=False,
        write_only=True,
        help_text="Purpose (marketing, personalisation, training) to answer (granted, denied, withdrawn).",
    )
    consent = serializers.SerializerMethodField(help_text="The present answer per purpose.")

    class Meta:
        model = Contact
        fields = (
            "external_id", "code", "name", "gender", "age_band", "region", "city", "tags", "attributes", "followed_at",
            "identities", "consents", "consent", "is_personalisation_off", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("code", "is_personalisation_off", "created_at", "updated_at")
        extra_kwargs: ClassVar[dict[str, Any]] = {"external_id": {"validators": []}}

    def validate_consents(self, consents: dict[str, str]) -> dict[str, str]:
        unknown = sorted(consents.keys() - set(Consent.Purpose.values))
        if unknown:
            raise serializers.ValidationError(f"Unknown purposes: {', '.join(unknown)}.")
        return consents

    def get_consent(self, contact: Contact) -> dict[str, str]:
        return {consent.purpose: consent.state for consent in contact.consents.all()}


class ContactBatchSerializer(StrictSerializer):
    """Up to 500 contacts in one call."""

    contacts = serializers.ListField(child=ContactSerializer(), allow_empty=False, max_length=500)


class EventRowSerializer(serializers.Serializer[Any]):
    """One event to record. Only documentation: rows are checked one by one in audience/intake.py."""

    id = serializers.CharField(max_length=128, required=False, help_text="Your own id; needed without Idempotency-Key.")
    contact = serializers.CharField(max_length=128, help_text="external_id; an unknown contact is created.")
    kind = serializers.ChoiceField(WORD_CHOICES)
    item = serializers.CharField(max_length=128, required=False, help_text="external_id of a known item.")
    occurred_at = serializers.DateTimeField(required=False, help_text="ISO 8601 with offset; now when left out.")
    dwell_seconds = serializers.FloatField(min_value=0, required=False)
    amount_fen = serializers.IntegerField(required=False)
    value = serializers.FloatField(required=False)
    text = serializers.CharField(max_length=2000, required=False)


class EventBatchSerializer(serializers.Serializer[Any]):
    """Up to 1,000 events in one call."""

    events = serializers.ListField(child=EventRowSerializer(), allow_empty=False, max_length=1000)


class RejectedEventSerializer(serializers.Serializer[Any]):
    """Why one row was not recorded."""

    index = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()


class EventBatchResultSerializer(serializers.Serializer[Any]):
    """What became of the batch; answered after the accepted rows are committed."""

    accepted = serializers.IntegerField(help_text="New events.")
    duplicates = serializers.IntegerField(help_text="Events that were there already.")
    rejected = RejectedEventSerializer(many=True)


class EventSerializer(serializers.ModelSerializer[Event]):
    """A recorded event."""

    kind = serializers.SerializerMethodField()
    item = serializers.CharField(source="item.external_id", default=None, allow_null=True)

    class Meta:
        model = Event
        fields = ("kind", "item", "occurred_at", "dwell_seconds", "amount_fen", "value", "text")

    def get_kind(self, event: Event) -> str:
        return EventKind(event.kind).word


class ImportSerializer(serializers.ModelSerializer[Import]):
    """An uploaded file: what was found in it, what was chosen, how far it is, and its quality report."""

    job = JobSerializer(read_only=True, allow_null=True)
    has_rejects = serializers.SerializerMethodField()

    class Meta:
        model = Import
        fields = (
            "code", "filename", "size_bytes", "sha256", "layout", "preset", "mapping", "options", "rules_version",
            "state", "job", "report", "has_rejects", "created_by", "created_at", "done_at",
        )  # fmt: skip

    def get_has_rejects(self, batch: Import) -> bool:
        return bool(batch.rejects_file)


class UploadSerializer(serializers.Serializer[Any]):
    """A file to import: CSV, TSV, XLSX or JSON Lines, also in gzip or zip."""

    file = serializers.FileField()


class ConfirmSerializer(serializers.Serializer[Any]):
    """What the columns are. Fields left out keep what was guessed."""

    preset = serializers.ChoiceField(list(PRESETS), required=False)
    mapping = serializers.DictField(child=serializers.CharField(), required=False, help_text="field -> header")
    options = serializers.DictField(required=False)
