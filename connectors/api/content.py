"""REST: QR codes, menus, drafts and publications. Calls to WeChat are made between transactions."""

import hashlib
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import enters_scopes_itself
from accounts.tenancy import tenant_scope
from audience import idempotency
from connectors import materials, menus, publications, qrcodes
from connectors.access import menu_version_for, publication_for, qr_code_for
from connectors.api.parts import IDEMPOTENCY_KEY, AccountPartViewSet, answer_once, replayed
from connectors.models import ConnectedAccount, MenuVersion, Publication, QrCode
from connectors.serializers import (
    DraftPageSerializer,
    MenuSerializer,
    MenuVersionSerializer,
    NewPublicationSerializer,
    NewQrCodeSerializer,
    PublicationSerializer,
    QrCodeSerializer,
)


class QrCodeViewSet(AccountPartViewSet):
    """QR codes with a parameter, one per channel, shop, employee or course."""

    serializer_class = QrCodeSerializer
    queryset = QrCode.objects.unscoped().none()

    @extend_schema(operation_id="accounts_qr_codes_list")
    def list(self, request: Request, code: str) -> Response:
        account = self.account
        return self.page_of(QrCode.objects.filter(account=account), counts=qrcodes.counts(account))

    @extend_schema(operation_id="accounts_qr_codes_retrieve")
    def retrieve(self, request: Request, code: str, qr_code: str) -> Response:
        account = self.account
        return Response(_shown(qr_code_for(account, qr_code), qrcodes.counts(account)))

    @enters_scopes_itself
    @extend_schema(
        request=NewQrCodeSerializer,
        responses={201: QrCodeSerializer},
        parameters=[IDEMPOTENCY_KEY],
        examples=[
            OpenApiExample(
                "A shop", {"name": "静安店 收银台", "purpose": "shop", "tags": ["静安店"]}, request_only=True
            )
        ],
    )
    def create(self, request: Request, code: str) -> Response:
        """Make a code. With an `Idempotency-Key` it is made once, also when the first answer was lost."""
        asked, key = NewQrCodeSerializer(data=request.data), request.headers.get("Idempotency-Key", "")
        with tenant_scope(self.tenant):
            account = self.account
            asked.is_valid(raise_exception=True)
            earlier = idempotency.recall(key, request.data) if key else None
        if earlier is not None:
            return replayed(earlier)
        made = qrcodes.create(account, **asked.validated_data, scene=_scene(account, key), by=self.actor)
        answer = status.HTTP_201_CREATED, _shown(made, {})
        if key:
            with tenant_scope(self.tenant):
                idempotency.keep(key, request.data, answer)
        return Response(answer[1], status=answer[0])

    @extend_schema(responses={(200, "image/svg+xml"): OpenApiTypes.BINARY})
    def picture(self, request: Request, code: str, qr_code: str) -> HttpResponse:
        """The code as an SVG picture."""
        found = qr_code_for(self.account, qr_code)
        return HttpResponse(qrcodes.picture(found), content_type="image/svg+xml")


def _scene(account: ConnectedAccount, key: str) -> str:
    """The scene of a repeatable call: the same key means the same code on WeChat, too."""
    return f"fw_{hashlib.sha256(f'{account.code}:{key}'.encode()).hexdigest()[:32]}" if key else ""


def _shown(code: QrCode, counts: dict[int, qrcodes.Counts]) -> dict[str, Any]:
    return dict(QrCodeSerializer(code, context={"counts": counts}).data)


_MENU = OpenApiExample(
    "Two buttons",
    {"buttons": [
        {"name": "商城", "type": "view", "url": "https://shop.example.com/"},
        {"name": "服务", "sub_button": [{"name": "门店", "type": "click", "key": "SHOPS"}]},
    ]},
)  # fmt: skip


class MenuViewSet(AccountPartViewSet):
    """The menu everybody sees, and the versions kept of it."""

    serializer_class = MenuVersionSerializer
    queryset = MenuVersion.objects.unscoped().none()

    @enters_scopes_itself
    @extend_schema(operation_id="accounts_menu_retrieve", responses=MenuSerializer, examples=[_MENU])
    def present(self, request: Request, code: str) -> Response:
        """The menu as WeChat has it now; no buttons when there is none."""
        with tenant_scope(self.tenant):
            account = self.account
        found = menus.read(account)
        return Response({"buttons": menus.body_of(found.buttons) if found else []})

    @enters_scopes_itself
    @extend_schema(
        operation_id="accounts_menu_publish", request=MenuSerializer, responses={201: MenuVersionSerializer},
        examples=[_MENU],
    )  # fmt: skip
    def publish(self, request: Request, code: str) -> Response:
        """Set the menu for everybody; what was there before stays among the versions."""
        with tenant_scope(self.tenant):
            account = self.account
        asked = MenuSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        made = menus.publish(account, menus.buttons_of(asked.validated_data["buttons"]), self.actor)
        return Response(MenuVersionSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(operation_id="accounts_menu_versions_list", responses=MenuVersionSerializer(many=True))
    def versions(self, request: Request, code: str) -> Response:
        """The kept versions, the newest first."""
        return self.page_of(MenuVersion.objects.filter(account=self.account))

    @enters_scopes_itself
    @extend_schema(request=None, responses={201: MenuVersionSerializer})
    def restore(self, request: Request, code: str, version: str) -> Response:
        """Publish a kept version again, as a new one."""
        with tenant_scope(self.tenant):
            found = menu_version_for(self.account, version)
        made = menus.restore(found, self.actor)
        return Response(MenuVersionSerializer(made).data, status=status.HTTP_201_CREATED)


class DraftViewSet(AccountPartViewSet):
    """The account's draft box, read from WeChat."""

    @enters_scopes_itself
    @extend_schema(
        operation_id="accounts_drafts_list", responses=DraftPageSerializer, parameters=[OpenApiParameter("page", int)]
    )
    def list(self, request: Request, code: str) -> Response:
        """Twenty drafts a page, the newest first."""
        with tenant_scope(self.tenant):
            account = self.account
        wanted = request.query_params.get("page", "1")
        number = max(1, int(wanted)) if wanted.isdecimal() and len(wanted) <= 6 else 1
        found = materials.page(account, "drafts", number)
        answer = {"num_drafts": found.total, "page": number, "results": found.entries}
        return Response(DraftPageSerializer(answer).data)


class PublicationViewSet(AccountPartViewSet):
    """Drafts being published, and what became of them."""

    serializer_class = PublicationSerializer
    queryset = Publication.objects.unscoped().none()

    @extend_schema(operation_id="accounts_publications_list")
    def list(self, request: Request, code: str) -> Response:
        return self.page_of(Publication.objects.filter(account=self.account))

    @extend_schema(
        request=NewPublicationSerializer,
        responses={202: PublicationSerializer},
        parameters=[IDEMPOTENCY_KEY],
        examples=[OpenApiExample("A draft", {"media_id": "Vw6…", "title": "春茶上新"}, request_only=True)],
    )
    def create(self, request: Request, code: str) -> Response:
        """Publish a draft (202); ask for its state afterwards. 409 while it is under way."""
        account, asked = self.account, NewPublicationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)

        def work() -> tuple[int, dict[str, Any]]:
            wanted = asked.validated_data
            made = publications.start(account, wanted["media_id"], wanted["title"], self.actor)
            return status.HTTP_202_ACCEPTED, PublicationSerializer(made).data

        return answer_once(request, work)

    @extend_schema(operation_id="accounts_publications_retrieve")
    def retrieve(self, request: Request, code: str, publication: str) -> Response:
        return Response(PublicationSerializer(publication_for(self.account, publication)).data)
