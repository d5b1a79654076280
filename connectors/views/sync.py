"""Pages of what is fetched from an account: the passes with their progress, the platform's totals, its tags."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import jobs
from accounts.access import Can, enters_scopes_itself, needs
from accounts.http import BrandRequest, brand_url
from accounts.tenancy import tenant_scope
from common.errors import FanwiseError
from common.translation import explain
from connectors import totals
from connectors.access import account_for, platform_tag_for, sync_run_for
from connectors.forms import TagForm
from connectors.models import PlatformTag, SyncRun
from connectors.sync import runs
from connectors.sync.followers import num_following
from connectors.sync.platform_tags import create, follow
from connectors.views.changes import attempt


@needs(Can.VIEW)
@require_safe
def sync(request: BrandRequest, code: str) -> HttpResponse:
    """What has been fetched, how far a pass is, and the buttons that start one."""
    account = account_for(code)
    newest = runs.newest(account)
    kinds = [(kind, SyncRun.Kind(kind).label, newest.get(kind)) for kind in runs.kinds_of(account)]
    context: dict[str, Any] = {
        "account": account,
        "tab": "sync",
        "kinds": kinds,
        "num_following": num_following(account),
    }
    context["tags"] = PlatformTag.objects.filter(account=account).order_by("-num_people", "name")
    context["tag_form"] = TagForm()
    return render(request, "connectors/sync.html", context)


@needs(Can.VIEW)
@require_safe
def progress(request: BrandRequest, code: str, run_code: str) -> HttpResponse:
    """One pass's card, asked for every two seconds while it is under way."""
    run = sync_run_for(account_for(code), run_code)
    context = {"account": run.account, "kind": run.kind, "label": run.get_kind_display(), "run": run}
    status = 286 if run.job.is_ended else 200  # 286: htmx stops asking
    return render(request, "connectors/sync_card.html", context, status=status)


@require_POST
@needs(Can.VIEW, write=Can.IMPORT)
def start(request: BrandRequest, code: str, kind: str) -> HttpResponse:
    """Fetch one list now."""
    if kind not in SyncRun.Kind.values:
        raise Http404
    account = account_for(code)
    attempt(request, lambda: runs.start(account, kind, request.actor), _("Fetching has begun."))
    return redirect(brand_url(request, "connectors:sync", code))


@require_POST
@needs(Can.VIEW, write=Can.IMPORT)
def resume(request: BrandRequest, code: str, run_code: str) -> HttpResponse:
    """Go on where a failed, cancelled or parked pass stopped."""
    run = sync_run_for(account_for(code), run_code)
    attempt(request, lambda: runs.resume(run), _("It goes on where it stopped."))
    return redirect(brand_url(request, "connectors:sync", code))


@require_POST
@needs(Can.VIEW, write=Can.IMPORT)
def cancel(request: BrandRequest, code: str, run_code: str) -> HttpResponse:
    """Stop a pass after its present step; what it has fetched stays."""
    run = sync_run_for(account_for(code), run_code)
    attempt(request, lambda: jobs.cancel(run.job), _("It stops after the present step. What was fetched stays."))
    return redirect(brand_url(request, "connectors:sync", code))


@needs(Can.VIEW)
@require_safe
def platform_totals(request: BrandRequest, code: str) -> HttpResponse:
    """The platform's own daily numbers: followers, articles, messages. They are about all people together."""
    account = account_for(code)
    context = {"account": account, "tab": "totals", **totals.of(account)}
    return render(request, "connectors/totals.html", context)


@enters_scopes_itself
@require_POST
@needs(Can.VIEW, write=Can.EDIT)
def create_tag(request: BrandRequest, code: str) -> HttpResponse:
    """Make a tag on WeChat that the brand leads: followers whose contact wears it get it."""
    with tenant_scope(request.tenant):
        account = account_for(code)
    form = TagForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Enter a tag of at most 30 characters."))
        return redirect(brand_url(request, "connectors:sync", code))
    try:
        create(account, form.cleaned_data["name"], request.actor)
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        messages.success(request, _("The tag exists on WeChat now."))
    return redirect(brand_url(request, "connectors:sync", code))


@require_POST
@needs(Can.VIEW, write=Can.EDIT)
def lead_tag(request: BrandRequest, code: str, tag_id: int, leader: str) -> HttpResponse:
    """Choose which side leads a tag; the next pass over the tags brings the other side into line."""
    if leader not in PlatformTag.Leader.values:
        raise Http404
    tag = platform_tag_for(account_for(code), tag_id)
    attempt(
        request, lambda: follow(tag, leader, request.actor), _("Saved. The next fetch of the tags brings it about.")
    )
    return redirect(brand_url(request, "connectors:sync", code))
