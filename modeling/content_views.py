"""Pages of content understanding: models, suggestions, tone, labels, pictures."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest, brand_url
from audience.models import Sentiment
from catalog.access import item_for
from common.errors import BadInput, FanwiseError
from common.translation import explain
from modeling import content_labels, content_pictures, content_runs, sentiments, suggestions
from modeling.content_access import content_model_for, suggestion_for
from modeling.content_models import ContentModel, SentimentLabel, Suggestion

PER_PAGE = 30
HTMX_STOP_POLLING = 286


class FitForm(forms.Form):
    """What to learn and how."""

    task = forms.ChoiceField(choices=ContentModel.Task.choices)
    preset = forms.ChoiceField(choices=[("quick", gettext_lazy("Quick")), ("standard", gettext_lazy("Standard"))])
    accept_above = forms.FloatField(required=False, min_value=0.5, max_value=1)


@needs(Can.VIEW)
@require_safe
def show_content(request: BrandRequest) -> HttpResponse:
    """What is in use for each task, and all fits."""
    found = ContentModel.objects.select_related("job").order_by("-created_at", "-pk")
    context = {
        "cards": [content_labels.card_of(task) for task in ContentModel.Task],
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "num_open": suggestions.open_ones().count(),
    }
    return render(request, "modeling/content.html", context)


@needs(Can.VIEW, write=Can.TRAIN)
@require_POST
def fit_content(request: BrandRequest) -> HttpResponse:
    """Start a fit."""
    form = FitForm(request.POST)
    try:
        if not form.is_valid():
            raise BadInput(
                gettext_noop("Accept without asking from a probability between 0.5 and 1, or leave it empty.")
            )
        model = content_runs.start(by=request.actor, **form.cleaned_data)
    except FanwiseError as error:
        messages.error(request, explain(error))
        return HttpResponseRedirect(brand_url(request, "modeling:content"))
    return HttpResponseRedirect(brand_url(request, "modeling:content_model", model.code))


@needs(Can.VIEW)
@require_safe
def show_content_model(request: BrandRequest, code: str) -> HttpResponse:
    """One fit: how far it is, what it brought; its moving part alone when htmx asks."""
    model = content_model_for(code)
    context = {"model": model, "job": model.job, "rows": content_labels.rows_of(model)}
    template = "modeling/content_model.html"
    if request.htmx and not request.htmx.boosted:
        status = HTMX_STOP_POLLING if model.job.is_ended else 200
        return render(request, f"{template}#live", context, status=status)
    return render(request, template, context)


@needs(Can.VIEW, write=Can.TRAIN)
@require_POST
def act_on_content_model(request: BrandRequest, code: str, deed: str) -> HttpResponse:
    """Cancel, retry, or put in use."""
    model = content_model_for(code)
    deeds: dict[str, Any] = {"cancel": content_runs.cancel, "retry": content_runs.retry, "use": content_runs.use}
    return _act(request, lambda: deeds[deed](model, request.actor), "modeling:content_model", code)


@needs(Can.VIEW)
@require_safe
def show_suggestions(request: BrandRequest) -> HttpResponse:
    """What waits for a decision, and what became of the others."""
    is_decided = request.GET.get("show") == "decided"
    found = suggestions.decided_ones() if is_decided else suggestions.open_ones()
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "is_decided": is_decided, "num_open": suggestions.open_ones().count()}
    return render(request, "modeling/suggestions.html", context)


@needs(Can.VIEW, write=Can.EDIT)
@require_POST
def decide_suggestions(request: BrandRequest) -> HttpResponse:
    """Accept or dismiss the chosen suggestions, or accept all that are probable enough."""
    by, found = request.actor, suggestions.open_ones()
    chosen = [int(pk) for pk in request.POST.getlist("chosen") if pk.isdecimal()]
    if request.POST.get("deed") == "accept_above":
        chosen = list(found.filter(probability__gte=0.9).values_list("pk", flat=True))
    if request.POST.get("deed") == "dismiss":
        num = suggestions.dismiss(chosen, by)
        text = ngettext("%(num)s suggestion is dismissed.", "%(num)s suggestions are dismissed.", num)
    else:
        num = suggestions.accept(chosen, by)
        text = ngettext("%(num)s suggestion is accepted.", "%(num)s suggestions are accepted.", num)
    messages.success(request, text % {"num": num})
    if item := request.POST.get("item"):
        return HttpResponseRedirect(brand_url(request, "catalog:item", item_for(item).external_id))
    return HttpResponseRedirect(brand_url(request, "modeling:suggestions"))


@needs(Can.VIEW, write=Can.EDIT)
@require_POST
def undo_suggestion(request: BrandRequest, suggestion_id: int) -> HttpResponse:
    """Take an accepted suggestion out of its item again."""
    found = suggestion_for(suggestion_id)
    page = ("catalog:item", found.item.external_id) if "item" in request.POST else ("modeling:suggestions",)
    return _act(request, lambda: suggestions.undo(found, request.actor), *page)


@needs(Can.VIEW)
@require_safe
def show_item_content(request: BrandRequest, external_id: str) -> HttpResponse:
    """What models say about an item: the part that the item's page fetches."""
    item = item_for(external_id)
    found = Suggestion.objects.filter(item=item, state__in=["open", "accepted"]).order_by("-probability")
    context = {"item": item, "suggestions": found, "tones": sentiments.of_item(item.pk)}
    return render(request, "modeling/item_content.html", context)


@needs(Can.VIEW)
@require_safe
def show_sentiment(request: BrandRequest) -> HttpResponse:
    """The tone of comments and messages: by day, by item, and the remarks themselves."""
    tone = request.GET.get("tone", "negative")
    page = Paginator(sentiments.remarks(tone), PER_PAGE).get_page(request.GET.get("page"))
    model = content_runs.live(ContentModel.Task.SENTIMENT)
    context = {
        "num_open": suggestions.open_ones().count(),
        "model": model,
        "quality": content_labels.tone_quality(model),
        "counts": [(one, sentiments.counts()[one.value]) for one in Sentiment.Tone],
        "chart": content_labels.tone_chart(*sentiments.per_day()),
        "items": sentiments.per_item(),
        "page": page,
        "remarks": sentiments.with_texts(page),
        "tone": tone,
    }
    return render(request, "modeling/sentiment.html", context)


@needs(Can.VIEW, write=Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def label_texts(request: BrandRequest) -> HttpResponse:
    """Texts that would teach most, each with three buttons; and labels from a file."""
    if request.method == "POST":
        upload = request.FILES.get("file")
        text, tone = request.POST.get("text", ""), request.POST.get("tone", "")

        def store() -> None:
            if upload is None:
                sentiments.label(text, tone, request.actor)
            elif (upload.size or 0) > sentiments.MAX_LABEL_BYTES:
                raise BadInput(
                    gettext_noop("The file is larger than %(limit)s MB. Split it."),
                    limit=sentiments.MAX_LABEL_BYTES >> 20,
                )
            else:
                sentiments.upload_labels(upload.read(), request.actor)

        return _act(request, store, "modeling:labels")
    context = {
        "num_open": suggestions.open_ones().count(),
        "texts": sentiments.next_to_label(),
        "tones": Sentiment.Tone.choices,
        "num_labels": SentimentLabel.objects.count(),
        "newest": SentimentLabel.objects.order_by("-created_at", "-pk")[:10],
    }
    return render(request, "modeling/labels.html", context)


@needs(Can.VIEW, write=Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def show_pictures(request: BrandRequest) -> HttpResponse:
    """Labelled pictures: how many of each label, a new archive, a label removed."""
    if request.method == "POST":
        upload = request.FILES.get("file")

        def change() -> None:
            if "remove" in request.POST:
                content_pictures.remove_label(request.POST["remove"], request.actor)
            elif upload is None:
                raise BadInput(gettext_noop("Choose a ZIP file whose folders are named like the labels."))
            else:
                num, num_bad = content_pictures.upload(upload, request.actor)
                facts = {"num": num, "bad": num_bad}
                messages.info(request, _("%(num)s new pictures; %(bad)s files could not be read.") % facts)

        return _act(request, change, "modeling:pictures")
    context = {"labels": content_pictures.labels(), "num_open": suggestions.open_ones().count()}
    return render(request, "modeling/pictures.html", context)


def _act(request: BrandRequest, action: Any, page: str, *args: str) -> HttpResponse:
    """Do it, say so or say why not, and show the page."""
    try:
        action()
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        messages.success(request, _("Done."))
    return HttpResponseRedirect(brand_url(request, page, *args))
