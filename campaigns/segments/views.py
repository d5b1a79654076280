"""Pages of segments: list, builder with live preview, one segment with its people, why a person is in."""

import csv
import json
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest, brand_url
from audience.access import contact_for
from audience.models import Contact
from audience.rejects import without_formula
from campaigns.access import segment_for
from campaigns.models import Segment
from campaigns.segments import book, portraits, queries
from campaigns.segments.conditions import KINDS
from campaigns.segments.contradictions import contradictions
from campaigns.segments.forms import SegmentForm, UploadForm
from campaigns.segments.rules import read_rule
from common.errors import FanwiseError
from common.translation import explain

MEMBERS_PER_PAGE = 20
MAX_EXPORTED = 200_000


@needs(Can.VIEW)
@require_safe
def show_all(request: BrandRequest) -> HttpResponse:
    """Every segment with its size."""
    is_archived = "archived" in request.GET
    found = Segment.objects.filter(is_archived=is_archived).order_by("-updated_at", "-pk")
    page = Paginator(found, 24).get_page(request.GET.get("page"))
    rows = [(one, _said(one)) for one in page]
    num_contacts = Contact.objects.count()
    num_archived = Segment.objects.filter(is_archived=True).count()
    context = {"page": page, "rows": rows, "is_archived": is_archived, "num_archived": num_archived}
    return render(request, "campaigns/segments.html", context | {"num_contacts": num_contacts})


def _said(segment: Segment) -> str:
    """The rule in words, or why it cannot be read any more."""
    if not segment.rule:
        return _("Uploaded list")
    try:
        return read_rule(segment.rule).words()
    except FanwiseError as error:
        return explain(error)


@needs(Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def make(request: BrandRequest) -> HttpResponse:
    """The empty builder, and a new segment, by rule or frozen."""
    return _builder(request, None)


@needs(Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: BrandRequest, code: str) -> HttpResponse:
    """The builder with the segment's rule, and the change."""
    return _builder(request, segment_for(code))


def _builder(request: BrandRequest, segment: Segment | None) -> HttpResponse:
    first: dict[str, Any] = {"rule": "{}"}
    if segment is not None:
        first = {"name": segment.name, "rule": json.dumps(segment.rule), "number": segment.number}
    form = SegmentForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        try:
            saved = _save(request, form.cleaned_data, segment)
        except FanwiseError as error:
            form.add_error(None, explain(error))
        else:
            messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
            return HttpResponseRedirect(brand_url(request, "segments:segment", saved.code))
    context = {"form": form, "segment": segment, "kinds": [kind.describe() for kind in KINDS.values()]}
    return render(request, "campaigns/segment_form.html", context, status=422 if form.errors else 200)


def _save(request: BrandRequest, data: dict[str, Any], segment: Segment | None) -> Segment:
    if segment is not None:
        return book.change(segment, data["name"], data["rule"], request.actor, data["number"])
    make_one = book.freeze if "freeze" in request.POST else book.create
    return make_one(data["name"], data["rule"], request.actor)


@needs(Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: BrandRequest) -> HttpResponse:
    """A fixed list from ids."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            done = book.upload(form.cleaned_data["name"], form.cleaned_data["lines"], request.actor)
        except FanwiseError as error:
            form.add_error(None, explain(error))
        else:
            found = {"found": done.num_found, "given": done.num_given}
            messages.success(request, _("%(found)s of %(given)s ids were found.") % found)
            if done.unknown:
                messages.warning(request, _("Nobody has these ids: %(ids)s") % {"ids": ", ".join(done.unknown)})
            return HttpResponseRedirect(brand_url(request, "segments:segment", done.segment.code))
    return render(request, "campaigns/segment_upload.html", {"form": form}, status=422 if form.errors else 200)


@needs(Can.VIEW)
@require_POST
def preview(request: BrandRequest) -> HttpResponse:
    """How many the builder's rule means now, who for example, and what cannot be."""
    form = SegmentForm({"name": "-", "rule": request.POST.get("rule", "")})
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        rule = form.cleaned_data["rule"]
        try:
            sql = queries.matching(rule, queries.ask_now())
            context |= {"num": queries.count(sql), "num_contacts": Contact.objects.count()}
            context |= {"sample": queries.sample(sql), "words": rule.words(), "warnings": contradictions(rule)}
        except FanwiseError as error:
            context["error"] = explain(error)
    else:
        context["error"] = " ".join(str(one) for one in form.errors.get("rule", []))
    return render(request, "campaigns/segment_preview.html", context)


@needs(Can.VIEW)
@require_safe
def show(request: BrandRequest, code: str) -> HttpResponse:
    """One segment: whom it means, who is in it now, earlier versions."""
    segment = segment_for(code)
    context: dict[str, Any] = {"segment": segment, "words": _said(segment), "num_contacts": Contact.objects.count()}
    try:
        book.refresh_count(segment)
        people = queries.people(queries.members_sql(segment, queries.ask_now()))
        context["page"] = Paginator(people, MEMBERS_PER_PAGE).get_page(request.GET.get("page"))
    except FanwiseError as error:
        context["error"] = explain(error)
    context |= {"versions": segment.versions.all()[:20], "used_by": book.used_by(segment)}
    return render(request, "campaigns/segment.html", context)


@needs(Can.VIEW)
@require_safe
def show_portrait(request: BrandRequest, code: str) -> HttpResponse:
    """What its people are like beside everybody: the part that the segment's page fetches."""
    segment = segment_for(code)
    try:
        facets = portraits.portrait_of(queries.members_sql(segment, queries.ask_now()))
    except FanwiseError as error:
        return render(request, "campaigns/segment_preview.html", {"error": explain(error)})
    return render(request, "campaigns/segment_portrait.html", {"segment": segment, "facets": facets})


@needs(Can.VIEW)
@require_safe
def why(request: BrandRequest, code: str, contact: str) -> HttpResponse:
    """Every condition held against one person."""
    segment, person = segment_for(code), contact_for(contact)
    context: dict[str, Any] = {"segment": segment, "contact": person}
    if segment.rule:
        try:
            context["finding"] = queries.explain(read_rule(segment.rule), person)
        except FanwiseError as error:
            context["error"] = explain(error)
    return render(request, "campaigns/segment_why.html", context)


@needs(Can.EDIT)
@require_safe
def export(request: BrandRequest, code: str) -> HttpResponse:
    """The members as a table."""
    segment = segment_for(code)
    try:
        ids = queries.ids_of(queries.members_sql(segment, queries.ask_now()))[:MAX_EXPORTED]
    except FanwiseError as error:
        messages.error(request, explain(error))
        return HttpResponseRedirect(brand_url(request, "segments:segment", segment.code))
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="segment-{segment.code}.csv"'
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow(["external_id", "name", "region", "city", "tags"])
    people = Contact.objects.filter(pk__in=ids).order_by("pk")
    for row in people.values_list("external_id", "name", "region", "city", "tags").iterator():
        writer.writerow([without_formula(cell) for cell in (*row[:4], "|".join(row[4]))])
    return response


@needs(Can.EDIT)
@require_POST
def archive(request: BrandRequest, code: str) -> HttpResponse:
    """Put the segment away, or back."""
    segment = segment_for(code)
    is_archived = not segment.is_archived
    done = _("“%(name)s” is archived.") if is_archived else _("“%(name)s” is back.")
    return _act(request, segment, lambda: book.archive(segment, request.actor, is_archived=is_archived), done)


@needs(Can.EDIT)
@require_POST
def restore(request: BrandRequest, code: str) -> HttpResponse:
    """Make an earlier version the newest."""
    segment, number = segment_for(code), request.POST.get("number", "")
    wanted = int(number) if number.isdecimal() and len(number) < 9 else 0
    done = _("The earlier version of “%(name)s” counts again.")
    return _act(request, segment, lambda: book.restore(segment, wanted, request.actor), done)


@needs(Can.EDIT)
@require_POST
def remove_member(request: BrandRequest, code: str, contact: str) -> HttpResponse:
    """Take one person off a fixed list."""
    segment, person = segment_for(code), contact_for(contact)
    done = _("One person was taken off “%(name)s”.")
    return _act(request, segment, lambda: book.remove_member(segment, person.pk, request.actor), done)


def _act(request: BrandRequest, segment: Segment, action: Any, done: str) -> HttpResponse:
    try:
        action()
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        messages.success(request, done % {"name": segment.name})
    return HttpResponseRedirect(brand_url(request, "segments:segment", segment.code))
