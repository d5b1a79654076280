"""Outside platforms: connected accounts, tokens and quotas, what was pushed, what was said, what went wrong."""

from connectors.models.accounts import AccountProblem, AccountToken, ApiUsage, CallbackAddress, ConnectedAccount
from connectors.models.authorisations import Authorisation, OpenPlatform, StartedAuthorisation
from connectors.models.codes import QrArrival, QrCode
from connectors.models.content import MenuVersion, Publication
from connectors.models.mass import MassBatch, MassSend
from connectors.models.messages import Broadcast, Conversation, MessageLog
from connectors.models.pushes import PushReceipt
from connectors.models.sync import Follower, PlatformTag, PlatformTotal, SyncRun
from connectors.models.templates import MessageTemplate
from connectors.models.tracking import HeldEvent, LinkAddress, TrackedLink, TrackingKey, TrackingTally, Visitor

GLOBAL_MODELS = {
    "connectors.CallbackAddress", "connectors.LinkAddress", "connectors.OpenPlatform",
    "connectors.StartedAuthorisation", "connectors.TrackingKey",
}  # fmt: skip
"""Models outside tenant scope: read to find out which tenant a push, authorisation, event or click belongs to."""

__all__ = [
    "AccountProblem",
    "AccountToken",
    "ApiUsage",
    "Authorisation",
    "Broadcast",
    "CallbackAddress",
    "ConnectedAccount",
    "Conversation",
    "Follower",
    "HeldEvent",
    "LinkAddress",
    "MassBatch",
    "MassSend",
    "MenuVersion",
    "MessageLog",
    "MessageTemplate",
    "OpenPlatform",
    "PlatformTag",
    "PlatformTotal",
    "Publication",
    "PushReceipt",
    "QrArrival",
    "QrCode",
    "StartedAuthorisation",
    "SyncRun",
    "TrackedLink",
    "TrackingKey",
    "TrackingTally",
    "Visitor",
]
