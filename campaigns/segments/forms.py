"""Forms of segments: a name with a rule from the builder, and a list of ids."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.segments.book import MAX_UPLOADED
from campaigns.segments.fields import RuleInvalid
from campaigns.segments.rules import Rule, read_rule
from common.forms import BrandForm
from common.translation import explain

MAX_BYTES = 8_000_000


class RuleField(forms.CharField):
    """The builder's JSON; cleaned to a rule."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> Rule:
        """The rule; the field's error names the condition and the fix."""
        try:
            return read_rule(json.loads(super().clean(value)))
        except RuleInvalid as error:
            raise forms.ValidationError(explain(error)) from error
        except (json.JSONDecodeError, RecursionError) as error:
            raise forms.ValidationError(_("The rule could not be read. Load the page again.")) from error


class SegmentForm(BrandForm):
    """Name and rule."""

    name = forms.CharField(max_length=80, label=_("Name"))
    rule = RuleField(max_length=100_000)
    number = forms.IntegerField(widget=forms.HiddenInput, required=False)


class UploadForm(BrandForm):
    """Name and ids, typed or as a file."""

    name = forms.CharField(max_length=80, label=_("Name"))
    ids = forms.CharField(
        widget=forms.Textarea({"rows": 8}),
        required=False,
        label=_("Ids, one per line"),
        help_text=_("The brand's own ids, OpenIDs or UnionIDs."),
    )
    file = forms.FileField(
        required=False,
        label=_("or a text or CSV file"),
        help_text=_("The first column of each line is read; UTF-8 or GB18030."),
    )

    def clean(self) -> dict[str, Any]:
        """`lines`: the ids of both."""
        data = super().clean() or {}
        lines = data.get("ids", "").splitlines()
        uploaded = data.get("file")
        if uploaded is not None:
            if uploaded.size > MAX_BYTES:
                raise forms.ValidationError(_("The file is larger than 8 MB. Split it into several lists."))
            lines += [line.split(",")[0].split("\t")[0].strip(' "\ufeff') for line in _decode(uploaded.read())]
        if not any(line.strip() for line in lines):
            raise forms.ValidationError(_("Give at least one id, typed or in a file."))
        if len(lines) > MAX_UPLOADED:
            raise forms.ValidationError(
                _("Give at most %(most)s ids. Split the list."), params={"most": f"{MAX_UPLOADED:,}"}
            )
        return data | {"lines": lines}


def _decode(content: bytes) -> list[str]:
    try:
        return content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return content.decode("gb18030", errors="replace").splitlines()
