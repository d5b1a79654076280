"""What the crowd of an account remembers from one minute to the next; traits are never stored (tastes.py)."""

from dataclasses import dataclass, field


@dataclass
class Feed:
    """Something many may open: an article that went out, or a broadcast text."""

    msgid: str  # "<msg_data_id>_<index>" of an article, "" of a text
    msg_id: str  # of the mass send, "" of what was only published
    topics: list[float]
    born_at: float
    num_characters: int = 0
    urls: list[str] = field(default_factory=list)


@dataclass
class Reaction:
    """What one follower has decided to do a little later."""

    at: float
    openid: str
    kind: str  # say | tap | open | leave | refuse
    text: str = ""
    key: str = ""


@dataclass
class BrandSettings:
    """The brand's own site, if the crowd is to be seen there: tracker key, origin, and a server key for orders."""

    url: str = ""
    key: str = ""
    origin: str = ""
    api_key: str = ""
    contact_prefix: str = ""  # before the openid: the contact's external_id
    contacts: dict[str, str] = field(default_factory=dict)  # openid -> external_id, where the shop knows it better


@dataclass
class Crowd:
    """The generated followers of one account, alive."""

    app_id: str
    is_on: bool = True
    speed: float = 1.0  # simulated seconds per real second
    mini_app_id: str = ""
    newcomers_per_day: float = 0.0
    liveliness: float = 1.0  # acts of their own accord, against ordinary people's
    last_cell: int = 0  # the last minute lived, in minutes since 1970
    last_log_id: int = 0
    last_publication_at: float = 0.0
    num_newcomers: int = 0
    feeds: list[Feed] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    heard: dict[str, int] = field(default_factory=dict)  # openid -> messages this week
    week: int = 0
    counts: dict[str, int] = field(default_factory=dict)  # acts by kind since it was switched on
    brand: BrandSettings = field(default_factory=BrandSettings)
