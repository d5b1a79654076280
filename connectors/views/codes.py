"""Pages of QR codes: the list with what came of each, a new one, the picture."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import Can, enters_scopes_itself, needs
from accounts.http import BrandRequest, brand_url
from accounts.tenancy import tenant_scope
from common.errors import FanwiseError
from common.translation import explain
from connectors import qrcodes
from connectors.access import account_for, qr_code_for
from connectors.forms import QrCodeForm
from connectors.models import ConnectedAccount, QrCode

CODES_PER_PAGE = 50


@enters_scopes_itself
@needs(Can.VIEW, write=Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def codes(request: BrandRequest, code: str) -> HttpResponse:
    """The codes of an account, newest first, and the form of a new one."""
    with tenant_scope(request.tenant):
        account = account_for(code)
    form = QrCodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = qrcodes.create(account, **form.cleaned_data, by=request.actor)
        except FanwiseError as error:
            form.add_error(None, explain(error))
        else:
            messages.success(request, _("The code %(name)s is ready to print.") % {"name": made.name})
            return redirect(brand_url(request, "connectors:codes", code))
    with tenant_scope(request.tenant):
        return _page(request, account, form)


def _page(request: BrandRequest, account: ConnectedAccount, form: QrCodeForm) -> HttpResponse:
    page = Paginator(QrCode.objects.filter(account=account).order_by("-created_at", "-pk"), CODES_PER_PAGE).get_page(
        request.GET.get("page")
    )
    counts = qrcodes.counts(account)
    rows = [(one, counts.get(one.pk, qrcodes.Counts())) for one in page]
    context = {"account": account, "tab": "codes", "form": form, "page": page, "rows": rows}
    return render(request, "connectors/codes.html", context, status=422 if form.errors else 200)


@needs(Can.VIEW)
@require_safe
def picture(request: BrandRequest, code: str, qr_code: str) -> HttpResponse:
    """The picture of one code, for looking and for printing."""
    found = qr_code_for(account_for(code), qr_code)
    response = HttpResponse(qrcodes.picture(found), content_type="image/svg+xml")
    response.headers["Content-Disposition"] = f'inline; filename="{found.scene}.svg"'
    return response
