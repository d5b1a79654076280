"""What WeChat pushed, as it came: the list, and another try for what failed."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.access import RIGHTS, Can, needs
from accounts.http import BrandRequest, brand_url
from connectors import receipts
from connectors.access import account_for
from connectors.forms import PushFilter
from connectors.models import PushReceipt
from connectors.views.changes import attempt

PUSHES_PER_PAGE = 30
_SHOWN_BYTES = 4000


@needs(Can.VIEW)
@require_safe
def pushes(request: BrandRequest, code: str) -> HttpResponse:
    """The pushes of an account, newest first; their content only for those who manage accounts."""
    found, form = account_for(code), PushFilter(request.GET)
    wanted = {name: value for name, value in form.cleaned_data.items() if value} if form.is_valid() else {}
    shown = PushReceipt.objects.filter(account=found, **wanted).order_by("-received_at", "-pk")
    page = Paginator(shown, PUSHES_PER_PAGE).get_page(request.GET.get("page"))
    may_read = Can.MANAGE in RIGHTS[request.membership.role]
    rows: list[tuple[Any, str]] = [(receipt, readable(receipt.body) if may_read else "") for receipt in page]
    context = {"account": found, "form": form, "page": page, "rows": rows, "tab": "pushes"}
    context["num_failed"] = PushReceipt.objects.filter(account=found, state=PushReceipt.State.FAILED).count()
    return render(request, "connectors/pushes.html", context)


def readable(body: bytes) -> str:
    """The push's bytes as text, odd ones as `\\x..`; at most 4,000 of them."""
    return bytes(body[:_SHOWN_BYTES]).decode(errors="backslashreplace").replace("\x00", "\\x00")


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def retry(request: BrandRequest, code: str) -> HttpResponse:
    """Apply the failed pushes of the account once more."""
    found = account_for(code)
    num = PushReceipt.objects.filter(account=found, state=PushReceipt.State.FAILED).count()
    done = ngettext("%(num)s push is tried again.", "%(num)s pushes are tried again.", num) % {"num": num}
    attempt(request, lambda: receipts.retry_failed(found, request.actor), done)
    return redirect(brand_url(request, "connectors:pushes", code))
