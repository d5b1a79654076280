"""What an account keeps about messages: templates, consents, mass-send jobs (fact sheet 4)."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Template:
    """A template of template messages or subscription notices in the account's own list."""

    id: str
    title: str
    content: str  # with {{key.DATA}} slots
    example: str
    kind: str  # template | once | long: how consent is spent
    enums: dict[str, list[str]] = field(default_factory=dict)  # values a const key may take
    is_banned: bool = False
    industries: list[str] = field(default_factory=list)  # primary and deputy, of template messages


@dataclass
class Consent:
    """What one user allowed one subscription template: `remaining` sends, or any number when long-term."""

    remaining: int = 0
    is_long_term: bool = False
    is_switched_off: bool = False  # in the phone's settings: 43107 until switched on again


@dataclass
class MassJob:
    """One accepted mass send (群发)."""

    msg_id: int
    type: str
    payload: dict[str, Any]
    audience: dict[str, Any]  # {"all": True} | {"tag_id": 7} | {"openids": [...]}
    submitted_at: float
    msg_data_id: int = 0
    status: str = "SENDING"  # SENDING | SEND_SUCCESS | SEND_FAIL | DELETE
    ignores_reprint: bool = False
    error: int = 0
    is_waiting_for_admin: bool = False
    num_total: int = 0
    num_filtered: int = 0
    num_sent: int = 0
    num_failed: int = 0


@dataclass
class NextResults:
    """What the control side wants to happen to the next jobs; each is used up by one job."""

    template_statuses: list[str] = field(default_factory=list)
    mass_errors: list[int] = field(default_factory=list)
    num_reprints: int = 0  # so many mass sends whose first article is judged a reprint
    publish_statuses: list[int] = field(default_factory=list)


@dataclass
class Messaging:
    """The messaging part of an account. Dictionaries are keyed by openid unless said otherwise."""

    linked_minis: list[str] = field(default_factory=list)  # mini programs linked to it: else 45064
    templates: dict[str, Template] = field(default_factory=dict)  # by template id
    industries: list[str] = field(default_factory=lambda: ["1", "2"])
    industry_set_in: str = ""  # Beijing month of the last change
    muted_templates: dict[str, list[str]] = field(default_factory=dict)  # 43101 on template messages
    sent_client_ids: dict[str, list[float]] = field(default_factory=dict)  # openid + client_msg_id -> [at, msgid]
    consents: dict[str, dict[str, Consent]] = field(default_factory=dict)  # then by template id
    one_time_grants: dict[str, int] = field(default_factory=dict)  # "openid template scene" -> sends left
    typing_since: dict[str, float] = field(default_factory=dict)
    talked_at: dict[str, float] = field(default_factory=dict)  # last message to or from the user
    jobs: dict[str, MassJob] = field(default_factory=dict)  # by msg_id
    mass_client_ids: dict[str, list[float]] = field(default_factory=dict)  # clientmsgid -> [at, msg_id]
    mass_speed: int = 0
    needs_admin_confirm: bool = False  # API send protection (群发保护)
    mass_month: str = ""  # the Beijing month of the two counts below
    crowd_mass_count: int = 0  # mass sends that every unchanged generated follower got this month
    mass_counts: dict[str, int] = field(default_factory=dict)  # on top of it; below 0 for one left out
    next: NextResults = field(default_factory=NextResults)
