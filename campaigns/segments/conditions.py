"""Every kind of condition there is: the allow-list that rules are read against."""

from campaigns.segments.contact_conditions import CONTACT_KINDS
from campaigns.segments.event_conditions import EVENT_KINDS
from campaigns.segments.kinds import Condition, ConditionKind

__all__ = ["KINDS", "Condition"]
KINDS: dict[str, ConditionKind] = {kind.key: kind for kind in (*EVENT_KINDS, *CONTACT_KINDS)}
