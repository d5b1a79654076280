"""Pages of merging: before and after, the merge itself, taking it apart."""

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import Can, needs
from accounts.http import BrandRequest, brand_url
from audience import merging
from audience.access import contact_for, merge_for
from audience.models import Consent, Contact, ContactMerge
from common.errors import FanwiseError
from common.translation import explain


@needs(Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def merge(request: BrandRequest, code: str) -> HttpResponse:
    """Two contacts side by side and what would become of them; POST merges."""
    into, errors = contact_for(code), []
    wanted = request.POST.get("with", "") or request.GET.get("with", "")
    other = _other(wanted)
    if other is None:
        errors = [_("There is no contact “%(id)s”. Enter the own id of another contact.") % {"id": wanted}]
    elif other.pk == into.pk:
        errors = [_("This is the same contact. Enter the own id of another one.")]
    elif request.method == "POST":
        try:
            merging.merge(into, other, request.actor, _basis(into, other))
        except FanwiseError as error:
            errors = [explain(error)]
        else:
            messages.success(request, _("%(name)s is now part of this contact.") % {"name": other})
            return HttpResponseRedirect(brand_url(request, "audience:contact", code))
    context = {"contact": into, "other": other, "errors": errors, "wanted": wanted} | _compared(into, other)
    return render(request, "audience/merge.html", context, status=422 if errors else 200)


def _other(wanted: str) -> Contact | None:
    found: Contact | None = Contact.objects.filter(Q(code=wanted) | Q(external_id=wanted)).first()
    return found


def _basis(into: Contact, other: Contact) -> str:
    """What speaks for it besides the person's decision."""
    reasons = {found.contact.pk: found.basis for found in merging.suggestions(into)}
    return reasons.get(other.pk, ContactMerge.Basis.PERSON)


def _compared(into: Contact, other: Contact | None) -> dict[str, object]:
    if other is None or other.pk == into.pk:
        return {}
    preview = merging.preview(into, other)
    purposes, states = dict(Consent.Purpose.choices), dict(Consent.State.choices)
    consents = [(purposes[purpose], state, states[state]) for purpose, state in sorted(preview.consents.items())]
    return {"preview": preview, "rows": _rows(into, other, preview.after), "consents": consents}


def _rows(into: Contact, other: Contact, after: Contact) -> list[tuple[str, list[object]]]:
    """Label and the value here, there and afterwards."""
    facts = {
        _("Name"): lambda c: c.name,
        _("Gender"): lambda c: c.get_gender_display() if c.gender else "",
        _("Age"): lambda c: c.get_age_band_display() if c.age_band else "",
        _("Region"): lambda c: f"{c.region} {c.city}".strip(),
        _("Tags"): lambda c: "、".join(c.tags),
        _("Attributes"): lambda c: "; ".join(f"{name}: {value}" for name, value in c.attributes.items()),
        _("Personal recommendations"): lambda c: _("Off") if c.is_personalisation_off else _("On"),
    }
    return [(label, [read(person) for person in (into, other, after)]) for label, read in facts.items()]


@needs(Can.EDIT)
@require_POST
def undo(request: BrandRequest, code: str, merge_code: str) -> HttpResponse:
    """Take a merge apart."""
    into = contact_for(code)
    try:
        other = merging.undo(merge_for(into, merge_code), request.actor)
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        messages.success(request, _("%(name)s is a contact of its own again.") % {"name": other})
    return HttpResponseRedirect(brand_url(request, "audience:contact", code))
