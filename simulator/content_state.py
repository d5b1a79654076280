"""What an account keeps about content: media, drafts, publications, comments, links (fact sheet 5 and 6)."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Media:
    """A file; its bytes lie in the storage under its id."""

    id: str
    type: str  # image | voice | video | thumb | mpvideo
    name: str
    content_type: str
    created_at: float
    num_bytes: int
    is_permanent: bool = False
    url: str = ""
    title: str = ""
    introduction: str = ""


@dataclass
class Draft:
    """An entry of the draft box."""

    id: str
    articles: list[dict[str, Any]]
    updated_at: float


@dataclass
class Publication:
    """Articles that went out: published (no notice to followers) or mass-sent."""

    msg_data_id: int
    articles: list[dict[str, Any]]  # each with `url` and `is_deleted`
    at: float
    is_notified: bool  # publish_type 0 of the statistics
    article_id: str = ""  # only of published ones
    num_delivered: int = 0


@dataclass
class PublishJob:
    """One call of freepublish/submit."""

    publish_id: int
    draft_id: str
    msg_data_id: int
    submitted_at: float
    status: int = 1  # 0 ok 1 running 2 originality 3 failed 4 rejected 5 deleted by user 6 banned by system
    article_id: str = ""
    fail_idx: list[int] = field(default_factory=list)


@dataclass
class Comment:
    """A reader's comment on an article."""

    id: int
    openid: str
    at: int
    text: str
    is_elected: bool = False
    reply: str = ""
    replied_at: int = 0


@dataclass
class Link:
    """A short key, URL link, scheme or mini-program short link; `target` is what it opens."""

    key: str
    kind: str  # shorten | urllink | scheme | shortlink
    target: dict[str, Any]
    created_at: float
    expires_at: float  # 0: never


@dataclass
class Content:
    """The content part of an account."""

    media: dict[str, Media] = field(default_factory=dict)
    image_urls: dict[str, str] = field(default_factory=dict)  # of uploadimg: url -> blob id
    drafts: dict[str, Draft] = field(default_factory=dict)
    publications: dict[str, Publication] = field(default_factory=dict)  # by msg_data_id
    publish_jobs: dict[str, PublishJob] = field(default_factory=dict)  # by publish_id
    comments: dict[str, list[Comment]] = field(default_factory=dict)  # by "<msg_data_id>_<index>"
    next_comment_id: int = 1
    links: dict[str, Link] = field(default_factory=dict)
    num_limited_codes: int = 0  # wxacode and wxaqrcode: together 100000 ever
    pages: list[str] = field(default_factory=list)  # released mini-program pages; empty: every page exists
