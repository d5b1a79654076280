"""What the platform finished for the account: sendings, publications, verifications, checks (fact sheet 2.5)."""

from dataclasses import dataclass
from datetime import datetime

from connectors.wechat.documents import Document
from connectors.wechat.errors import BadPush
from connectors.wechat.pushes.base import Event, FinishedJob
from connectors.wechat.pushes.events import find_subscription_rows
from connectors.wechat.pushes.wire import find, integer, moment, read_integer, read_text, rows, text, whole

BLOCKED_REPRINT = 3  # CheckState: judged a reprint and not sent


@dataclass(frozen=True, kw_only=True)
class TemplateSent(FinishedJob):
    """A template message reached a phone, or why not: `success`, `failed:user block`, `failed: system failed`."""

    names = ("TEMPLATESENDJOBFINISH",)
    job_id: str = text("MsgID")
    status: str = text("Status")

    @property
    def is_delivered(self) -> bool:
        """Whether it arrived."""
        return self.status == "success"


@dataclass(frozen=True)
class ArticleCheck:
    """What the originality check said of one article of a mass message. `index` begins at 1."""

    index: int
    audit_state: str
    original_url: str
    can_reprint: bool


def _read_check(name: str, row: Document) -> ArticleCheck:
    values = [read_text(f"{name}.{key}", row.get(key, "")) for key in ("AuditState", "OriginalArticleUrl")]
    index = read_integer(f"{name}.ArticleIdx", row.get("ArticleIdx", 0))
    return ArticleCheck(index, values[0], values[1], str(row.get("CanReprint", "")) == "1")


@dataclass(frozen=True)
class ArticleAddress:
    """Where one article can be read. `index` begins at 1."""

    index: int
    url: str


def _read_mass_address(name: str, row: Document) -> ArticleAddress:
    index = read_integer(f"{name}.ArticleIdx", row.get("ArticleIdx", 0))
    return ArticleAddress(index, read_text(f"{name}.ArticleUrl", row.get("ArticleUrl", "")))


@dataclass(frozen=True, kw_only=True)
class MassSent(FinishedJob):
    """A mass message went out: `send success`, `send fail` or `err(num)`.

    `num_filtered` is who was left after opt-outs and the limit of 4 a month; about sent + failed.
    """

    names = ("MASSSENDJOBFINISH",)
    job_id: str = text("MsgID")
    status: str = text("Status")
    num_total: int = integer("TotalCount", 0)
    num_filtered: int = integer("FilterCount", 0)
    num_sent: int = integer("SentCount", 0)
    num_failed: int = integer("ErrorCount", 0)
    check_state: int = integer("CopyrightCheckResult.CheckState", 0)
    checks: tuple[ArticleCheck, ...] = rows("CopyrightCheckResult.ResultList", _read_check)
    articles: tuple[ArticleAddress, ...] = rows("ArticleUrlResult.ResultList", _read_mass_address)

    @property
    def person(self) -> str:
        """Nobody: the sender is an operator."""
        return ""

    @property
    def is_sent(self) -> bool:
        """Whether it went out."""
        return self.status == "send success"

    @property
    def error_number(self) -> str:
        """The number of `err(num)`; empty without one."""
        return self.status[4:-1] if self.status.startswith("err(") and self.status.endswith(")") else ""


def _read_publish_address(name: str, row: Document) -> ArticleAddress:
    index = read_integer(f"{name}.idx", row.get("idx", 0))
    return ArticleAddress(index, read_text(f"{name}.article_url", row.get("article_url", "")))


def _read_failed(document: Document) -> tuple[int, ...]:
    value = find(document, "PublishEventInfo.fail_idx")
    values = value if isinstance(value, list) else [] if value in (None, "") else [value]
    return tuple(read_integer("fail_idx", index) for index in values)


@dataclass(frozen=True, kw_only=True)
class Published(FinishedJob):
    """A publication ended: status 0 ok, 1 running, 2 originality, 3 failed, 4 rejected, 5 deleted, 6 banned."""

    names = ("PUBLISHJOBFINISH",)
    job_id: str = text("PublishEventInfo.publish_id")
    publish_status: int = integer("PublishEventInfo.publish_status")
    article_id: str = text("PublishEventInfo.article_id", "")
    articles: tuple[ArticleAddress, ...] = rows("PublishEventInfo.article_detail.item", _read_publish_address)
    failed_indexes: tuple[int, ...] = whole(_read_failed)

    @property
    def person(self) -> str:
        """Nobody."""
        return ""

    @property
    def is_published(self) -> bool:
        """Whether the article can be read now."""
        return self.publish_status == 0


@dataclass(frozen=True)
class NoticeResult:
    """How the sending of one subscription notice ended; error code "0" is success."""

    template_id: str
    msg_id: str
    error_code: str
    error_status: str


def _read_notices(document: Document) -> tuple[NoticeResult, ...]:
    names = ("TemplateId", "MsgID", "ErrorCode", "ErrorStatus")
    found = [
        NoticeResult(*(read_text(f"List.{name}", row.get(name, "")) for name in names))
        for row in find_subscription_rows(document)
    ]
    if not found:
        raise BadPush("The push lacks the field %(field)s.", field="List")
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class SubscriptionSent(Event):
    """Subscription notices reached a person's phone, or why not."""

    names = ("subscribe_msg_sent_event",)
    results: tuple[NoticeResult, ...] = whole(_read_notices)

    @property
    def dedupe_key(self) -> str:
        """By the ids of the notices."""
        return self._key("job", self.event, *(result.msg_id or result.template_id for result in self.results))


@dataclass(frozen=True, kw_only=True)
class VerificationChanged(Event):
    """A step in the life of the account's verification or name: passed, failed, due, expired."""

    names = (
        "qualification_verify_success", "qualification_verify_fail", "naming_verify_success", "naming_verify_fail",
        "annual_renew", "verify_expired",
    )  # fmt: skip
    expires_at: datetime | None = moment("ExpiredTime")
    failed_at: datetime | None = moment("FailTime")
    reason: str = text("FailReason", "")

    @property
    def person(self) -> str:
        """Nobody."""
        return ""


@dataclass(frozen=True, kw_only=True)
class MediaChecked(Event):
    """The content check of a picture or sound ended: `suggest` is pass, review or risky."""

    names = ("wxa_media_check",)
    app_id: str = text("appid", "")
    trace_id: str = text("trace_id")
    suggest: str = text("result.suggest", "")
    label: str = text("result.label", "")

    @property
    def person(self) -> str:
        """Nobody."""
        return ""

    @property
    def dedupe_key(self) -> str:
        """By the id of the check."""
        return self._key("job", self.event, self.trace_id)


@dataclass(frozen=True, kw_only=True)
class MiniProgramAudited(Event):
    """Tencent's audit of a mini program's version passed, failed or is delayed."""

    names = ("weapp_audit_success", "weapp_audit_fail", "weapp_audit_delay")
    passed_at: datetime | None = moment("SuccTime")
    failed_at: datetime | None = moment("FailTime")
    delayed_at: datetime | None = moment("DelayTime")
    reason: str = text("Reason", "")
    screenshot: str = text("ScreenShot", "")

    @property
    def person(self) -> str:
        """Nobody."""
        return ""


JOBS = (TemplateSent, MassSent, Published, SubscriptionSent, VerificationChanged, MediaChecked, MiniProgramAudited)
