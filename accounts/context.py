"""What every brand page's template may use."""

from typing import Any

from django.http import HttpRequest

from accounts.access import RIGHTS
from accounts.models import Membership


def brand(request: HttpRequest) -> dict[str, Any]:
    """`tenant`, `membership`, `rights` (names of what the person may do) and `brands` for the switch."""
    membership: Membership | None = getattr(request, "membership", None)
    if membership is None:
        return {}
    others = Membership.objects.select_related("tenant").filter(user_id=membership.user_id).order_by("tenant__name")
    return {
        "tenant": membership.tenant,
        "membership": membership,
        "rights": {right.value for right in RIGHTS[membership.role]},
        "brands": [other.tenant for other in others],
    }
