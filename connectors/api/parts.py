"""What the views of accounts share: the account of the address, answers given once."""

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_views import TenantViewSet
from audience import idempotency
from audience.idempotency import Answer
from connectors.access import account_for
from connectors.models import ConnectedAccount

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", location=OpenApiParameter.HEADER, description="The same key gets the first answer again."
)


class AccountPartViewSet(TenantViewSet):
    """What belongs to the account in the address."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "accounts:read", "POST": "accounts:write"}
    lookup_field = "code"

    @property
    def account(self) -> ConnectedAccount:
        """The account of the address; 404 for another brand's."""
        return account_for(self.kwargs["code"])

    def page_of(self, rows: Any, **context: Any) -> Response:
        """One page of rows."""
        context = {**self.get_serializer_context(), **context}
        shown = self.get_serializer(self.paginate_queryset(rows), many=True, context=context)
        return self.get_paginated_response(shown.data)


def answer_once(request: Request, work: Callable[[], Answer]) -> Response:
    """The answer of `work`, done in the running transaction; with an `Idempotency-Key`, done once."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        code, body = work()
        return Response(body, status=code)
    (code, body), is_replay = idempotency.once(key, request.data, work)
    return replayed((code, body)) if is_replay else Response(body, status=code)


def replayed(answer: Answer) -> Response:
    """An answer that was given before."""
    return Response(answer[1], status=answer[0], headers={"Idempotent-Replay": "true"})
