"""How connected accounts and what belongs to them look in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.serializers import JobSerializer
from common.serializers import StrictSerializer
from common.translation import translated
from connectors import messages, qrcodes
from connectors.capabilities import Standing
from connectors.models import (
    AccountProblem,
    ConnectedAccount,
    Follower,
    MenuVersion,
    MessageLog,
    PlatformTotal,
    Publication,
    QrCode,
    SyncRun,
    TrackedLink,
)
from connectors.tracking import links
from connectors.wechat.reachability import Channel, Reason, Route

# --- accounts -------------------------------------------------------------------------------------------------------


class AccountSerializer(serializers.ModelSerializer[ConnectedAccount]):
    """A connected public account or mini program; secrets are never shown."""

    class Meta:
        model = ConnectedAccount
        fields = (
            "code", "app_id", "name", "kind", "is_verified", "verified_until", "route", "state", "is_simulated",
            "first_push_at", "last_push_at", "created_at",
        )  # fmt: skip


class ConnectSerializer(StrictSerializer):
    """An account by AppID and AppSecret; WeChat is asked before anything is kept."""

    app_id = serializers.CharField(max_length=32)
    app_secret = serializers.CharField(max_length=128, write_only=True)
    name = serializers.CharField(max_length=80)
    kind = serializers.ChoiceField(ConnectedAccount.Kind.choices)


class CallbackSerializer(serializers.Serializer[Any]):
    """What to enter in the WeChat console, so that pushes arrive. Told once."""

    url = serializers.CharField()
    token = serializers.CharField()
    aes_key = serializers.CharField()


class ConnectedSerializer(serializers.Serializer[Any]):
    """The account that was connected."""

    account = AccountSerializer()
    callback = CallbackSerializer()


class TokenStateSerializer(serializers.Serializer[Any]):
    """Whether an access token is at hand; the next call fetches one otherwise."""

    is_valid = serializers.BooleanField()  # type: ignore[assignment]  # the field hides a method nobody calls here
    expires_at = serializers.DateTimeField(allow_null=True)


class LightSerializer(serializers.Serializer[Any]):
    """Whether pushes of WeChat arrive."""

    checked_at = serializers.DateTimeField(allow_null=True)
    first_at = serializers.DateTimeField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)
    refused = serializers.CharField(help_text="What the last refused push had wrong: token or keys.")


class QuotaSerializer(serializers.Serializer[Any]):
    """Calls of one path since midnight in Beijing; no limit where we know none."""

    path = serializers.CharField()
    num_used = serializers.IntegerField()
    limit = serializers.IntegerField(allow_null=True)
    is_exhausted = serializers.BooleanField()


class ProblemSerializer(serializers.ModelSerializer[AccountProblem]):
    """What WeChat refused, and the fix."""

    detail = serializers.SerializerMethodField()

    class Meta:
        model = AccountProblem
        fields = ("code", "path", "detail", "rid", "num_times", "first_at", "last_at")

    def get_detail(self, problem: AccountProblem) -> str:
        return translated(problem.message, problem.context)


class CapabilitySerializer(serializers.Serializer[Any]):
    """One thing the account can do, or what it lacks for it: kind, verification or permission."""

    code = serializers.CharField(source="capability.code")
    label = serializers.SerializerMethodField()  # type: ignore[assignment]  # the field hides an option nobody sets
    is_open = serializers.BooleanField()
    missing = serializers.CharField()

    def get_label(self, standing: Standing) -> str:
        return str(standing.capability.label)


class HealthSerializer(serializers.Serializer[Any]):
    """How an account is doing."""

    state = serializers.ChoiceField(ConnectedAccount.State.choices)
    token = TokenStateSerializer()
    pushes = LightSerializer()
    num_pushes = serializers.DictField(child=serializers.IntegerField(), help_text="Of seven days, by state.")
    quotas = QuotaSerializer(many=True)
    problems = ProblemSerializer(many=True)
    capabilities = CapabilitySerializer(many=True)
    num_following = serializers.IntegerField()


class NewSyncSerializer(StrictSerializer):
    """What to fetch."""

    kind = serializers.ChoiceField(SyncRun.Kind.choices)


class SyncRunSerializer(serializers.ModelSerializer[SyncRun]):
    """One pass over a list of WeChat."""

    job = JobSerializer(read_only=True)
    counts = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        model = SyncRun
        fields = ("code", "kind", "job", "counts", "started_by", "created_at", "resume_after", "completed_at")


class FollowerSerializer(serializers.ModelSerializer[Follower]):
    """One person as the account's list and WeChat's answers tell them."""

    contact = serializers.CharField(source="contact.external_id")
    is_following = serializers.BooleanField()
    followed_at = serializers.DateTimeField(allow_null=True)
    unfollowed_at = serializers.DateTimeField(allow_null=True)
    tags = serializers.SerializerMethodField()

    class Meta:
        model = Follower
        fields = (
            "openid", "contact", "is_following", "followed_at", "unfollowed_at", "told_at", "remark", "tags", "scene",
            "qr_scene",
        )  # fmt: skip

    def get_tags(self, follower: Follower) -> list[str]:
        names: dict[int, str] = self.context["tag_names"]
        return [names[tag_id] for tag_id in follower.tag_ids if tag_id in names]


class TotalSerializer(serializers.ModelSerializer[PlatformTotal]):
    """A platform total: WeChat's number about all people together, never anybody's own behaviour."""

    measures = serializers.DictField()

    class Meta:
        model = PlatformTotal
        fields = ("report", "day", "part", "measures", "is_final", "fetched_at")


class TotalsQuerySerializer(serializers.Serializer[Any]):
    """Which totals."""

    report = serializers.CharField(max_length=20, required=False)
    first_day = serializers.DateField(required=False)
    last_day = serializers.DateField(required=False)


# --- QR codes -------------------------------------------------------------------------------------------------------


class CodeCountsSerializer(serializers.Serializer[Any]):
    """What came of a code: people, scans, new followers; orders within 30 days of the first scan."""

    num_people = serializers.IntegerField()
    num_scans = serializers.IntegerField()
    num_followed = serializers.IntegerField()
    num_buyers = serializers.IntegerField()
    num_orders = serializers.IntegerField()
    amount_fen = serializers.IntegerField()


class NewQrCodeSerializer(StrictSerializer):
    """A new code. Without `lives_days` it lives for ever; an account can have 100,000 of these and delete none."""

    name = serializers.CharField(max_length=80)
    purpose = serializers.ChoiceField(QrCode.Purpose.choices, default=QrCode.Purpose.CHANNEL)
    tags = serializers.ListField(child=serializers.CharField(max_length=40), default=list, max_length=20)
    lives_days = serializers.IntegerField(min_value=1, max_value=30, allow_null=True, default=None)


class QrCodeSerializer(serializers.ModelSerializer[QrCode]):
    """A QR code with a parameter, and what came of it."""

    counts = serializers.SerializerMethodField()

    class Meta:
        model = QrCode
        fields = ("code", "name", "purpose", "scene", "tags", "url", "expires_at", "created_by", "created_at", "counts")

    @extend_schema_field(CodeCountsSerializer)
    def get_counts(self, code: QrCode) -> dict[str, int]:
        counts: dict[int, qrcodes.Counts] = self.context["counts"]
        return CodeCountsSerializer(counts.get(code.pk, qrcodes.Counts())).data


# --- menus and articles ---------------------------------------------------------------------------------------------


class EntrySerializer(StrictSerializer):
    """A menu entry with its type and the fields of that type, as WeChat names them."""

    name = serializers.CharField(max_length=60)
    type = serializers.CharField(max_length=30, required=False)
    key = serializers.CharField(max_length=128, required=False)
    url = serializers.CharField(max_length=1024, required=False)
    appid = serializers.CharField(max_length=32, required=False)
    pagepath = serializers.CharField(max_length=1024, required=False)
    media_id = serializers.CharField(max_length=128, required=False)
    article_id = serializers.CharField(max_length=128, required=False)


class ButtonSerializer(EntrySerializer):
    """A button: a type with its fields, or up to five entries below it."""

    sub_button = EntrySerializer(many=True, required=False)


class MenuSerializer(StrictSerializer):
    """A menu: up to three buttons."""

    buttons = ButtonSerializer(many=True)


class MenuVersionSerializer(serializers.ModelSerializer[MenuVersion]):
    """A menu that was in force from `created_at` on."""

    buttons = ButtonSerializer(many=True)

    class Meta:
        model = MenuVersion
        fields = ("code", "number", "origin", "buttons", "created_by", "created_at")


class ArticleSerializer(serializers.Serializer[Any]):
    """An article of a draft; `url` is temporary."""

    title = serializers.CharField()
    author = serializers.CharField()
    digest = serializers.CharField()
    content = serializers.CharField()
    source_url = serializers.CharField()
    thumb_media_id = serializers.CharField()
    thumb_url = serializers.CharField()
    url = serializers.CharField()
    can_comment = serializers.BooleanField()
    is_fans_only = serializers.BooleanField()


class DraftSerializer(serializers.Serializer[Any]):
    """A draft of one to eight articles, as WeChat keeps it."""

    media_id = serializers.CharField()
    updated_at = serializers.DateTimeField(allow_null=True)
    articles = ArticleSerializer(many=True)


class DraftPageSerializer(serializers.Serializer[Any]):
    """Twenty drafts, the newest first."""

    num_drafts = serializers.IntegerField()
    page = serializers.IntegerField()
    results = DraftSerializer(many=True)


class NewPublicationSerializer(StrictSerializer):
    """The draft to publish."""

    media_id = serializers.CharField(max_length=128)
    title = serializers.CharField(max_length=200, required=False, default="")


class PublicationSerializer(serializers.ModelSerializer[Publication]):
    """A draft on its way to being published, and what became of it."""

    links = serializers.ListField(child=serializers.CharField())
    reason = serializers.SerializerMethodField()

    class Meta:
        model = Publication
        fields = (
            "code", "media_id", "title", "state", "article_id", "links", "reason", "created_by", "created_at",
            "ended_at",
        )  # fmt: skip

    def get_reason(self, publication: Publication) -> str:
        return translated(publication.reason, publication.reason_context)


# --- messages, ways, links ------------------------------------------------------------------------------------------


class WhySerializer(serializers.Serializer[Any]):
    """Why a message was not sent."""

    code = serializers.CharField()
    detail = serializers.CharField()


class MessageSerializer(serializers.ModelSerializer[MessageLog]):
    """One message, in or out."""

    account = serializers.CharField(source="conversation.account.code")
    why = serializers.SerializerMethodField()

    class Meta:
        model = MessageLog
        fields = (
            "code", "account", "direction", "channel", "kind", "text", "template_id", "at", "state", "why",
            "created_by",
        )  # fmt: skip

    @extend_schema_field(WhySerializer(allow_null=True))
    def get_why(self, message: MessageLog) -> dict[str, str] | None:
        if not message.why_template:
            return None
        return {"code": message.why_code, "detail": translated(message.why_template, message.why_context)}


class RouteSerializer(serializers.Serializer[Any]):
    """One way to reach the contact: open until when and for how many more, or why not."""

    channel = serializers.ChoiceField([(one.value, one.value) for one in Channel])
    template_id = serializers.CharField()
    is_open = serializers.BooleanField()
    is_for_marketing = serializers.BooleanField()
    until = serializers.DateTimeField(allow_null=True)
    num_left = serializers.IntegerField(allow_null=True)
    opens_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.ChoiceField([(one.value, one.value) for one in Reason], allow_null=True)
    detail = serializers.SerializerMethodField()

    def get_detail(self, route: Route) -> str:
        return translated(route.template, messages.readable(route.context))


class AccountRoutesSerializer(serializers.Serializer[Any]):
    """The ways from one account to the contact, now."""

    account = serializers.CharField()
    name = serializers.CharField()
    openid = serializers.CharField()
    routes = RouteSerializer(many=True)


class NewLinkSerializer(StrictSerializer):
    """A new tracked link; its target never changes."""

    name = serializers.CharField(max_length=80)
    target = serializers.URLField(max_length=1000)
    item = serializers.CharField(max_length=128, required=False, default="", allow_blank=True)
    campaign = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)
    channel = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)


class LinkCountsSerializer(serializers.Serializer[Any]):
    """Clicks; those that named a contact; visits of robots; double taps."""

    clicks = serializers.IntegerField()
    named = serializers.IntegerField()
    bots = serializers.IntegerField()
    repeats = serializers.IntegerField()


class LinkSerializer(serializers.ModelSerializer[TrackedLink]):
    """An address of ours that counts the click and leads to its target."""

    item = serializers.CharField(source="item.external_id", default=None, allow_null=True)
    address = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()

    class Meta:
        model = TrackedLink
        fields = (
            "code", "name", "target", "item", "campaign", "channel", "is_open", "address", "counts", "created_by",
            "created_at",
        )  # fmt: skip

    def get_address(self, link: TrackedLink) -> str:
        return f"{self.context['place']}/t/{link.code}/"

    @extend_schema_field(LinkCountsSerializer)
    def get_counts(self, link: TrackedLink) -> dict[str, int]:
        found = self.context["counts"].get(f"link:{link.code}", {})
        return {name: found.get(name, 0) for name in (links.CLICKS, links.NAMED, links.BOTS, links.REPEATS)}
