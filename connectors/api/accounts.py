"""REST: connected accounts, their health, passes over WeChat's lists, followers, platform totals."""

from typing import Any, ClassVar

from django.db.models import BooleanField, Case, F, OuterRef, Q, QuerySet, Subquery, Value, When
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import jobs
from accounts.api_views import TenantViewSet
from audience.models import Identity
from connectors import capabilities, connections, health
from connectors.access import account_for, sync_run_for
from connectors.api.parts import IDEMPOTENCY_KEY, AccountPartViewSet, answer_once
from connectors.models import ConnectedAccount, Follower, PlatformTag, PlatformTotal, SyncRun
from connectors.secrets import unseal
from connectors.serializers import (
    AccountSerializer,
    ConnectedSerializer,
    ConnectSerializer,
    FollowerSerializer,
    HealthSerializer,
    NewSyncSerializer,
    SyncRunSerializer,
    TotalSerializer,
    TotalsQuerySerializer,
)
from connectors.sync import runs
from connectors.sync.followers import num_following
from connectors.views.accounts import callback_url


class AccountViewSet(TenantViewSet):
    """Public accounts and mini programs of the brand on WeChat."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "accounts:read", "POST": "accounts:connect"}
    serializer_class = AccountSerializer
    lookup_field = "code"
    queryset = ConnectedAccount.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        return ConnectedAccount.objects.exclude(state=ConnectedAccount.State.DISCONNECTED)

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(self.get_serializer(account_for(code)).data)

    @extend_schema(
        request=ConnectSerializer,
        responses={201: ConnectedSerializer},
        examples=[
            OpenApiExample(
                "A service account",
                {"app_id": "wx0123456789abcdef", "app_secret": "0123456789abcdef0123456789abcdef",
                 "name": "青禾生活", "kind": "service"},
                request_only=True,
            )
        ],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Connect an account. The answer has what to enter in the WeChat console. An AppID twice is 409."""
        asked = ConnectSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        account = connections.connect(**asked.validated_data, by=self.actor)
        callback = {
            "url": callback_url(request._request, account),  # type: ignore[arg-type]  # reads the host only
            "token": unseal(account, "callback_token"),
            "aes_key": unseal(account, "aes_key"),
        }
        answer = ConnectedSerializer({"account": account, "callback": callback}).data
        return Response(answer, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @extend_schema(responses=HealthSerializer)
    def health(self, request: Request, code: str) -> Response:
        """Token, quotas of today, pushes, problems with their fix, and what the account can do."""
        account = account_for(code)
        found = health.of(account)
        answer = {
            "state": account.state,
            "token": {"is_valid": found.is_token_valid, "expires_at": found.token.expires_at if found.token else None},
            "pushes": found.light,
            "num_pushes": found.num_pushes,
            "quotas": found.quotas,
            "problems": found.problems,
            "capabilities": capabilities.standings(account),
            "num_following": num_following(account),
        }
        return Response(HealthSerializer(answer).data)


class SyncViewSet(AccountPartViewSet):
    """Passes over WeChat's lists: followers, tags, articles, statistics."""

    serializer_class = SyncRunSerializer
    queryset = SyncRun.objects.unscoped().none()

    @extend_schema(operation_id="accounts_syncs_list", responses=SyncRunSerializer(many=True))
    def list(self, request: Request, code: str) -> Response:
        return self.page_of(SyncRun.objects.filter(account=self.account).select_related("job"))

    @extend_schema(
        request=NewSyncSerializer,
        responses={202: SyncRunSerializer},
        parameters=[IDEMPOTENCY_KEY],
        examples=[OpenApiExample("Followers", {"kind": "followers"}, request_only=True)],
    )
    def create(self, request: Request, code: str) -> Response:
        """Start a pass; 409 while one of its kind is under way or the account has no such list."""
        account, asked = self.account, NewSyncSerializer(data=request.data)
        asked.is_valid(raise_exception=True)

        def work() -> tuple[int, dict[str, Any]]:
            run = runs.start(account, asked.validated_data["kind"], self.actor)
            return status.HTTP_202_ACCEPTED, SyncRunSerializer(run).data

        return answer_once(request, work)

    @extend_schema(operation_id="accounts_syncs_retrieve")
    def retrieve(self, request: Request, code: str, sync: str) -> Response:
        return Response(SyncRunSerializer(sync_run_for(self.account, sync)).data)

    @extend_schema(request=None, responses={202: SyncRunSerializer})
    def cancel(self, request: Request, code: str, sync: str) -> Response:
        """Stop the pass after its present step; what was fetched stays."""
        run = sync_run_for(self.account, sync)
        jobs.cancel(run.job)
        return Response(SyncRunSerializer(sync_run_for(self.account, sync)).data, status=status.HTTP_202_ACCEPTED)


class FollowerViewSet(AccountPartViewSet):
    """Who the account's list names, and what WeChat told about them."""

    serializer_class = FollowerSerializer
    queryset = Follower.objects.unscoped().none()

    @extend_schema(operation_id="accounts_followers_list")
    def list(self, request: Request, code: str) -> Response:
        account = self.account
        names = dict(PlatformTag.objects.filter(account=account).values_list("platform_id", "name"))
        return self.page_of(_followers(account), tag_names=names)


def _followers(account: ConnectedAccount) -> QuerySet[Any]:
    """Followers with when they came and left, which stands in their identity."""
    identity = Identity.objects.filter(
        kind=Identity.Kind.OPENID, account_ref=account.app_id, value=OuterRef("openid")
    ).order_by("pk")
    here = Q(followed_at__isnull=False) & (Q(unfollowed_at__isnull=True) | Q(unfollowed_at__lt=F("followed_at")))
    return (
        Follower.objects.filter(account=account)
        .select_related("contact")
        .annotate(
            followed_at=Subquery(identity.values("followed_at")[:1]),
            unfollowed_at=Subquery(identity.values("unfollowed_at")[:1]),
        )
        .annotate(is_following=Case(When(here, then=Value(True)), default=Value(False), output_field=BooleanField()))
    )


class TotalViewSet(AccountPartViewSet):
    """The platform's own daily numbers about all people together; never anybody's behaviour."""

    serializer_class = TotalSerializer
    queryset = PlatformTotal.objects.unscoped().none()

    @extend_schema(operation_id="accounts_totals_list", parameters=[TotalsQuerySerializer])
    def list(self, request: Request, code: str) -> Response:
        """Totals by report and day (both days inclusive)."""
        asked = TotalsQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        names = {"report": "report", "first_day": "day__gte", "last_day": "day__lte"}
        wanted = {names[name]: value for name, value in asked.validated_data.items()}
        return self.page_of(PlatformTotal.objects.filter(account=self.account, **wanted))
