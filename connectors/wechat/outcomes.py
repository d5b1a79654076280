"""What became of a send. Three answers, none of them an exception: sent, refused, or unknown.

Unknown means that the request may have arrived: it counts as sent wherever sends are counted, and it is repeated only
where the platform itself recognises a repetition (mass sends and template messages carry an id of ours).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from connectors.wechat.errors import AlreadySent, Refused, TransportFailed, WeChatError


@dataclass(frozen=True)
class Sent:
    """The platform took it. `msg_data_id` joins articles to their statistics; both are texts of 64-bit numbers."""

    msg_id: str = ""
    msg_data_id: str = ""
    was_sent_before: bool = False


@dataclass(frozen=True)
class RefusedSend:
    """Nothing was sent. `permanent`: the same send fails again; else it may succeed, from `until` on if known."""

    why: WeChatError
    permanent: bool
    until: datetime | None = None


@dataclass(frozen=True)
class Unknown:
    """No answer came back: it may have been sent."""

    why: TransportFailed


Outcome = Sent | RefusedSend | Unknown


def outcome_of(path: str, send: Callable[[], Sent]) -> Outcome:
    """Run `send`, whose request goes to `path`, and say what became of it.

    A failure on the way to an access token comes from another path: the message itself never left.
    """
    try:
        return send()
    except AlreadySent as error:
        return Sent(error.msg_id, str(error.answer.get("msg_data_id", "")), was_sent_before=True)
    except TransportFailed as error:
        if error.may_have_arrived and error.context.get("path", path) == path:
            return Unknown(error)
        return RefusedSend(error, permanent=False)
    except Refused as error:
        return RefusedSend(error, error.permanent, error.until)
    except WeChatError as error:
        return RefusedSend(error, error.permanent)
