"""Pages of data: the list of uploads, and each upload's way from check through work to report."""

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

from accounts import jobs
from accounts.access import Can, needs
from accounts.http import BrandRequest, brand_url
from audience import imports as audience_imports
from audience import readiness
from audience.access import import_for
from audience.import_forms import LayoutForm, MappingForm, OptionsForm
from audience.models import Import
from audience.options import Options
from audience.presets import PRESETS, Preset
from audience.problems import EmptyFile
from audience.rehearsal import rehearse
from audience.views.reports import SAMPLES, explained, explained_reasons, report_context, standing
from common.errors import FanwiseError
from common.translation import explain

IMPORTS_PER_PAGE = 25


@needs(Can.VIEW)
@require_safe
def imports(request: BrandRequest) -> HttpResponse:
    """The list of uploads, newest first."""
    found = Import.objects.select_related("job").order_by("-created_at", "-pk")
    page = Paginator(found, IMPORTS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "audience/imports.html", {"page": page, "rows": [standing(batch) for batch in page]})


@needs(Can.IMPORT)
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: BrandRequest) -> HttpResponse:
    """The upload form, and a new upload: stored, looked at, ready to be checked."""
    errors = []
    if request.method == "POST":
        try:
            return _go(request, _store(request))
        except FanwiseError as error:
            errors = [explain(error)]
    preset = PRESETS.get(request.GET.get("preset", ""))
    context = {"limit_bytes": settings.UPLOAD_MAX_BYTES, "preset": preset, "samples": SAMPLES, "errors": errors}
    return render(request, "audience/upload.html", context, status=422 if errors else 200)


def _store(request: BrandRequest) -> Import:
    file = request.FILES.get("file")
    if file is None:
        raise EmptyFile
    return audience_imports.create(file, file.name or "", request.actor)


def _go(request: BrandRequest, batch: Import) -> HttpResponse:
    """Lead the browser to the upload's page, from a plain form as from htmx."""
    address = brand_url(request, "audience:import", batch.code)
    return HttpResponseClientRedirect(address) if request.htmx else HttpResponseRedirect(address)


@needs(Can.VIEW)
@require_safe
def formats(request: BrandRequest) -> HttpResponse:
    """What files may look like: the kinds of table, their columns, the known words."""
    context = {"presets": PRESETS.values(), "samples": SAMPLES, "limit_bytes": settings.UPLOAD_MAX_BYTES}
    return render(request, "audience/formats.html", context)


@needs(Can.VIEW)
@require_safe
def show(request: BrandRequest, code: str) -> HttpResponse:
    """The upload where it stands: to be checked, in work, or done with its report."""
    batch = import_for(code)
    if batch.state in (Import.State.DONE, Import.State.UNDONE):
        return render(request, "audience/report.html", report_context(batch))
    if batch.state == Import.State.CONFIRMED and batch.job and not batch.job.is_ended:
        return render(request, "audience/import_work.html", {"batch": batch, "job": batch.job})
    return _check_page(request, batch, _chosen(request, batch))


def _chosen(request: BrandRequest, batch: Import) -> Preset:
    name = request.POST.get("preset") or request.GET.get("preset") or batch.preset
    if name not in PRESETS:
        raise Http404
    return PRESETS[name]


def _check_page(request: BrandRequest, batch: Import, preset: Preset, refusal: str = "") -> HttpResponse:
    """What was found in the file, for correction. After a failed or cancelled run it offers the same again."""
    preview = audience_imports.preview(batch)
    guess = audience_imports.guess_columns(batch, preset.name)
    mapping = batch.mapping if preset.name == batch.preset else guess.mapping
    if request.method == "POST":
        mapping_form, options_form = _posted(request, preset, preview.headers)
    else:
        mapping_form = MappingForm.filled(preset, preview.headers, mapping)
        options_form = OptionsForm.filled(preset, Options().to_json() | batch.options)
    problems = _problems(batch, preset, mapping_form, options_form)
    problems["errors"] = list(dict.fromkeys([refusal, *problems["errors"]] if refusal else problems["errors"]))
    context = problems | {
        "job": batch.job,
        "presets": PRESETS.values(),
        "confidence_percent": round(100 * guess.confidence),
        "layout_form": LayoutForm(initial=batch.layout),
        "columns": mapping_form.columns([cells for _line, cells in preview.rows], guess.sureness),
        "preview": preview,
        "has_encoding": batch.layout["format"] != "xlsx",
        "has_delimiter": batch.layout["format"] in ("csv", "tsv"),
    }
    return render(request, "audience/check.html", context, status=422 if request.method == "POST" else 200)


def _problems(batch: Import, preset: Preset, mapping_form: MappingForm, options_form: OptionsForm) -> dict[str, Any]:
    """What stands against a start, and what would become of the first rows if nothing does."""
    context: dict[str, Any] = {"batch": batch, "preset": preset, "options_form": options_form}
    context["must_set_options"] = must_set = _must_set_options(preset, mapping_form, options_form)
    errors = [str(error) for form in (mapping_form, options_form) for error in form.non_field_errors()]
    if not errors and not must_set and not options_form.errors:
        try:
            options = Options.from_json(options_form.options(batch.options))
            report = rehearse(batch, preset.name, mapping_form.mapping, options)
        except FanwiseError as error:
            errors.append(explain(error))
        else:
            context |= {"rehearsal": report, "reasons": explained_reasons(report.reasons)}
    return context | {"errors": errors}


@needs(Can.IMPORT)
@require_POST
def check(request: BrandRequest, code: str) -> HttpResponse:
    """A fragment of the check page: the problems of the answers as they stand, while they are being given."""
    batch = import_for(code)
    preset = _chosen(request, batch)
    mapping_form, options_form = _posted(request, preset, batch.layout["headers"])
    return render(request, "audience/problems.html", _problems(batch, preset, mapping_form, options_form))


def _must_set_options(preset: Preset, mapping_form: MappingForm, options_form: OptionsForm) -> bool:
    """Whether the file alone does not say enough: a table of acts without an action, or of days without a date."""
    has_kind = any(mapping_form[name].value() == "kind" for name in mapping_form.fields)
    needs_kind = "default_kind" in options_form.fields and not has_kind
    return needs_kind or ("base_date" in options_form.fields and not options_form["base_date"].value())


def _posted(request: BrandRequest, preset: Preset, headers: Sequence[str]) -> tuple[MappingForm, OptionsForm]:
    return MappingForm(preset, headers, request.POST), OptionsForm(preset, request.POST)


@needs(Can.IMPORT)
@require_POST
def start(request: BrandRequest, code: str) -> HttpResponse:
    """Confirm what the columns are and start the import."""
    batch = import_for(code)
    preset = _chosen(request, batch)
    mapping_form, options_form = _posted(request, preset, batch.layout["headers"])
    if not (mapping_form.is_valid() and options_form.is_valid()):
        return _check_page(request, batch, preset)
    options = options_form.options(batch.options)
    try:
        audience_imports.confirm(batch, preset.name, mapping_form.mapping, options, request.actor)
    except FanwiseError as error:
        return _check_page(request, batch, preset, explain(error))
    return HttpResponseRedirect(brand_url(request, "audience:import", code))


@needs(Can.IMPORT)
@require_POST
def change_layout(request: BrandRequest, code: str) -> HttpResponse:
    """Read the file again under another encoding or separator."""
    form = LayoutForm(request.POST)
    if form.is_valid():
        _act(request, audience_imports.change_layout, import_for(code), **form.cleaned_data, by=request.actor)
    return HttpResponseRedirect(brand_url(request, "audience:import", code))


@needs(Can.VIEW)
@require_safe
def progress(request: BrandRequest, code: str) -> HttpResponse:
    """The job's card alone; once the job has ended, the whole page is loaded anew."""
    batch = import_for(code)
    if batch.job is None or batch.job.is_ended:
        return HttpResponseClientRefresh()
    return render(request, "audience/import_progress.html", {"batch": batch, "job": batch.job})


@needs(Can.IMPORT)
@require_POST
def cancel(request: BrandRequest, code: str) -> HttpResponse:
    """Stop the running job; nothing of it becomes visible."""
    batch = import_for(code)
    if batch.job is not None:
        _act(request, jobs.cancel, batch.job)
    return HttpResponseRedirect(brand_url(request, "audience:import", code))


@needs(Can.IMPORT)
@require_POST
def undo(request: BrandRequest, code: str) -> HttpResponse:
    """Take everything back that the upload brought."""
    _act(request, audience_imports.undo, import_for(code), request.actor)
    return HttpResponseRedirect(brand_url(request, "audience:import", code))


@needs(Can.IMPORT)
@require_POST
def discard(request: BrandRequest, code: str) -> HttpResponse:
    """Delete an upload that was never imported."""
    batch = import_for(code)
    if not _act(request, audience_imports.discard, batch, request.actor):
        return HttpResponseRedirect(brand_url(request, "audience:import", code))
    messages.success(request, _("“%(name)s” is discarded.") % {"name": batch.filename})
    return HttpResponseRedirect(brand_url(request, "audience:imports"))


def _act(request: BrandRequest, act: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    """Whether the act succeeded; a refusal is shown on the next page."""
    try:
        act(*args, **kwargs)
    except FanwiseError as error:
        messages.error(request, explain(error))
        return False
    return True


@needs(Can.VIEW)
@require_safe
def rejects(request: BrandRequest, code: str) -> HttpResponseBase:
    """Download the rows that were set aside, with line, reason and fix."""
    batch = import_for(code)
    lines = audience_imports.rejects_csv(batch)
    if lines is None:
        raise Http404
    name = content_disposition_header(True, f"{PurePath(batch.filename).stem}-rejected.csv")
    headers = {"Content-Disposition": name or "attachment"}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


@needs(Can.VIEW)
@require_safe
def show_readiness(request: BrandRequest) -> HttpResponse:
    """A fragment: whether there is enough data to train, and what more would help."""
    bars = readiness.of_brand()
    context = {"rows": [explained(bar) for bar in bars], "is_enough": all(bar.is_enough for bar in bars)}
    return render(request, "audience/readiness.html", context)
