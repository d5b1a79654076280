"""Pages of drafts: the editor, its preview, pictures for bodies, deleting; taking back what was published."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import Can, enters_scopes_itself, needs
from accounts.http import BrandRequest, brand_url
from accounts.tenancy import tenant_scope
from common.errors import FanwiseError
from common.translation import explain
from connectors import capabilities, drafts, materials, publications
from connectors.access import account_for
from connectors.draft_forms import DraftForm
from connectors.drafts import ChangedMeanwhile, Opened
from connectors.models import ConnectedAccount
from connectors.views.changes import attempt
from connectors.wechat.articles import Article

MAX_PICTURE_BYTES = 1024**2


@enters_scopes_itself
@needs(Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: BrandRequest, code: str) -> HttpResponse:
    """A new draft."""
    return _edit(request, _account(request, code), "")


@enters_scopes_itself
@needs(Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: BrandRequest, code: str, media_id: str) -> HttpResponse:
    """A draft of the box."""
    return _edit(request, _account(request, code), media_id)


def _account(request: BrandRequest, code: str) -> ConnectedAccount:
    with tenant_scope(request.tenant):
        return account_for(code)


def _edit(request: BrandRequest, account: ConnectedAccount, media_id: str) -> HttpResponse:
    if request.method != "POST":
        return _open(request, account, media_id)
    form, action = DraftForm(request.POST, request.FILES), request.POST.get("action", "save")
    if form.rearrange(action):
        return _page(request, account, media_id, form)
    if not form.is_valid():
        return _page(request, account, media_id, form, status=422)
    try:
        saved = _save(request, account, media_id, form, is_overwriting=action == "overwrite")
    except FanwiseError as error:
        form.errors.append(explain(error))
        is_behind = isinstance(error, ChangedMeanwhile)
        return _page(request, account, media_id, form, status=422, is_behind=is_behind)
    messages.success(request, _("The draft is saved on WeChat."))
    if action == "publish":
        _publish(request, account, saved, form)
        return redirect(brand_url(request, "connectors:shelf", account.code, "drafts"))
    return redirect(brand_url(request, "connectors:draft", account.code, saved))


def _open(request: BrandRequest, account: ConnectedAccount, media_id: str) -> HttpResponse:
    if not media_id:
        return _page(request, account, "", DraftForm())
    try:
        found = drafts.read(account, media_id)
    except FanwiseError as error:
        messages.error(request, explain(error))
        return redirect(brand_url(request, "connectors:shelf", account.code, "drafts"))
    form = DraftForm(stored=found.articles)
    form.seen = found.mark
    return _page(request, account, media_id, form, found=found)


def _save(
    request: BrandRequest, account: ConnectedAccount, media_id: str, form: DraftForm, *, is_overwriting: bool
) -> str:
    """Upload the new covers, then write the draft."""
    if media_id:
        form.use_crops(drafts.read(account, media_id).articles)
    articles = tuple(_with_cover(request, account, one) for one in form.articles)
    if not media_id:
        return drafts.create(account, articles, request.actor)
    return drafts.save(account, media_id, articles, request.actor, seen=form.seen, is_overwriting=is_overwriting)


def _with_cover(request: BrandRequest, account: ConnectedAccount, form: Any) -> Article:
    content = form.cleaned_data.get("cover_file")
    if not content:
        article: Article = form.article()
        return article
    made = materials.upload(account, "image", content, by=request.actor)
    form.data = form.data.copy()
    form.data[form.add_prefix("thumb_media_id")] = made.media_id  # a refused draft keeps the cover it has now
    form.files = {}
    done: Article = form.article(made.media_id)
    return done


def _publish(request: BrandRequest, account: ConnectedAccount, media_id: str, form: DraftForm) -> None:
    title = form.articles[0].cleaned_data["title"]
    done = _("WeChat is asked to publish it. The outcome appears here.")
    with tenant_scope(request.tenant):
        attempt(request, lambda: publications.start(account, media_id, title, request.actor), done)


def _page(
    request: BrandRequest, account: ConnectedAccount, media_id: str, form: DraftForm, *, status: int = 200,
    is_behind: bool = False, found: Opened | None = None,
) -> HttpResponse:  # fmt: skip
    with tenant_scope(request.tenant):
        context: dict[str, Any] = {"account": account, "tab": "materials", "form": form, "media_id": media_id}
        context |= {"is_behind": is_behind, "is_editable": found is None or found.is_editable}
        context["can_write"] = capabilities.has(account, "drafts") and account.is_active
        context["covers"] = _covers(account) if context["can_write"] else []
        context["cover_ids"] = [one.media_id for one in context["covers"]]
        context["previews"] = [one.preview() for one in form.articles]
        return render(request, "connectors/draft.html", context, status=status)


def _covers(account: ConnectedAccount) -> list[Any]:
    """The newest pictures of the library; none where WeChat does not tell them."""
    try:
        return list(materials.page(account, "image", 1).entries)
    except FanwiseError:
        return []


@require_POST
@needs(Can.EDIT)
def preview(request: BrandRequest, code: str) -> HttpResponse:
    """The articles of the form as a phone shows them, while somebody is typing."""
    account, form = account_for(code), DraftForm(request.POST)
    context = {"account": account, "previews": [one.preview() for one in form.articles]}
    return render(request, "connectors/draft_preview.html", context)


@enters_scopes_itself
@require_POST
@needs(Can.EDIT)
def picture(request: BrandRequest, code: str) -> HttpResponse:
    """Put one picture on WeChat for the body of an article; its address, or why not."""
    account, file = _account(request, code), request.FILES.get("file")
    if file is None:
        return JsonResponse({"error": _("Choose a picture.")}, status=400)
    try:
        return JsonResponse({"url": drafts.upload_picture(account, file.read(MAX_PICTURE_BYTES + 1))})
    except FanwiseError as error:
        return JsonResponse({"error": explain(error)}, status=422)


@enters_scopes_itself
@require_POST
@needs(Can.EDIT)
def delete(request: BrandRequest, code: str) -> HttpResponse:
    """Delete a draft for good."""
    account = _account(request, code)
    media_id, title = request.POST.get("media_id", "")[:128], request.POST.get("title", "")[:200]
    try:
        drafts.delete(account, media_id, title, request.actor)
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        messages.success(request, _("The draft is deleted on WeChat."))
    return redirect(brand_url(request, "connectors:shelf", code, "drafts"))


@enters_scopes_itself
@require_POST
@needs(Can.EDIT)
def unpublish(request: BrandRequest, code: str) -> HttpResponse:
    """Delete one published article, or the whole post, for good."""
    account, number = _account(request, code), request.POST.get("index", "0")
    article_id, title = request.POST.get("article_id", "")[:128], request.POST.get("title", "")[:200]
    index = int(number) if number.isdecimal() and len(number) == 1 else -1
    try:
        drafts.take_back(account, article_id, index, title, request.actor)
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        messages.success(request, _("It is deleted. Whoever opens its link sees that the author removed it."))
    return redirect(brand_url(request, "connectors:shelf", code, "published"))
