"""Outside platforms: connected accounts, their tokens and quotas, what the platforms pushed, what went wrong."""

from connectors.models.accounts import AccountProblem, AccountToken, ApiUsage, CallbackAddress, ConnectedAccount
from connectors.models.authorisations import Authorisation, OpenPlatform, StartedAuthorisation
from connectors.models.pushes import PushReceipt

GLOBAL_MODELS = {"connectors.CallbackAddress", "connectors.OpenPlatform", "connectors.StartedAuthorisation"}
"""Models outside tenant scope: read to find out which tenant a push or an authorisation belongs to."""

__all__ = [
    "AccountProblem",
    "AccountToken",
    "ApiUsage",
    "Authorisation",
    "CallbackAddress",
    "ConnectedAccount",
    "OpenPlatform",
    "PushReceipt",
    "StartedAuthorisation",
]
