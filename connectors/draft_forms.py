"""The form of a draft: up to eight articles, moved, added and dropped before anything is sent to WeChat."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from common.forms import BrandForm
from common.translation import explain, translated
from connectors import drafts
from connectors.article_html import clean
from connectors.problems import PlatformFailed
from connectors.wechat.articles import (
    AUTHOR_CHARS,
    CONTENT_CHARS,
    DIGEST_CHARS,
    MAX_ARTICLES,
    TITLE_CHARS,
    Article,
    StoredArticle,
)
from connectors.wechat.errors import WeChatError
from connectors.wechat.materials import MediaKind, check_media

_PLACES = {"Title": "title", "Author": "author", "Digest": "digest", "Content": "content", "Source link": "source_url"}
_TO_COME = "cover-to-come"
"""Stands for a cover that is uploaded only when the whole form is right."""
Files = MultiValueDict[str, Any]


class ArticleForm(BrandForm):
    """One article."""

    use_required_attribute = False  # the buttons that rearrange articles send unfinished ones, too

    title = forms.CharField(label=_("Title"), widget=forms.TextInput(attrs={"maxlength": TITLE_CHARS}))
    author = forms.CharField(
        label=_("Author"), required=False, widget=forms.TextInput(attrs={"maxlength": AUTHOR_CHARS})
    )
    digest = forms.CharField(
        label=_("Digest"), required=False, help_text=_("Empty: WeChat takes the first 54 characters."),
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": DIGEST_CHARS}),
    )  # fmt: skip
    content = forms.CharField(
        label=_("Text"),
        widget=forms.Textarea(attrs={"rows": 14, "data-article-body": "", "data-most": CONTENT_CHARS}),
    )  # fmt: skip
    cover_file = forms.FileField(
        label=_("Upload a cover"), required=False,
        widget=forms.ClearableFileInput(attrs={"accept": "image/png,image/jpeg,image/gif"}),
        help_text=_("PNG, JPG or GIF, at most 10 MB; it is kept among the pictures."),
    )  # fmt: skip
    source_url = forms.CharField(label=_("Link of “Read the original”"), required=False)
    can_comment = forms.BooleanField(label=_("Readers may comment"), required=False)
    is_fans_only = forms.BooleanField(label=_("Only followers may comment"), required=False)
    thumb_media_id = forms.CharField(label=_("Cover"), required=False)

    @property
    def cover_id(self) -> str:
        """The chosen cover."""
        return str(self["thumb_media_id"].value() or "")

    def clean_content(self) -> str:
        """The text without what WeChat would drop; foreign pictures are named."""
        found = clean(self.cleaned_data["content"])
        foreign = sorted(one for one in found.dropped if "/" in one or one == "img")
        if foreign:
            raise forms.ValidationError(
                _now("WeChat drops pictures of other places: %(places)s. Upload them with the picture button.")
                % {"places": ", ".join(foreign)[:300]}
            )
        return found.html

    def clean_cover_file(self) -> bytes | None:
        """The bytes of a cover that WeChat would take."""
        file = self.cleaned_data["cover_file"]
        if not file:
            return None
        content: bytes = file.read(10 * 1024**2 + 1)
        try:
            check_media(MediaKind.IMAGE, content)
        except WeChatError as error:
            raise forms.ValidationError(explain(PlatformFailed(error))) from error
        return content

    def article(self, thumb_media_id: str = "") -> Article:
        """What was entered; an uploaded cover stands for the chosen one."""
        said = self.cleaned_data
        names = ("title", "author", "digest", "content", "source_url", "can_comment", "is_fans_only")
        known = {name: said.get(name, "") for name in names}
        cover = thumb_media_id or (_TO_COME if said.get("cover_file") else said.get("thumb_media_id", ""))
        return Article(**known, thumb_media_id=cover, **self.initial.get("crops", {}))

    def check(self) -> None:
        """Say at its field what WeChat would refuse."""
        if self.errors:
            return
        try:
            self.article().check()
        except WeChatError as error:
            place = _PLACES.get(str(error.context.get("field", "")), "thumb_media_id")
            label = {"field": str(self.fields[place].label)}
            self.add_error(place, translated(error.template, {**error.context, **label}))

    def preview(self) -> dict[str, str]:
        """What a phone shows, cleaned."""
        named = {name: str(self[name].value() or "") for name in ("title", "author", "digest")}
        return named | {"content": clean(str(self["content"].value() or "")).html, "cover": self.cover_id}


class DraftForm:
    """The forms of all articles. `data`: what was sent; else the `stored` ones fill them."""

    def __init__(
        self, data: QueryDict | None = None, files: Files | None = None, stored: tuple[StoredArticle, ...] = ()
    ) -> None:
        self.errors: list[str] = []
        self.seen = data.get("seen", "") if data is not None else ""
        if data is None:
            self.articles = [ArticleForm(prefix=f"a{n}", initial=_initial(one)) for n, one in enumerate(stored)]
            self.articles = self.articles or [ArticleForm(prefix="a0")]
        else:
            self.articles = [ArticleForm(data, files, prefix=prefix) for prefix in _prefixes(data)]

    @property
    def order(self) -> str:
        """The articles' names in order, for the form's hidden field."""
        return ",".join(str(one.prefix) for one in self.articles)

    @property
    def can_grow(self) -> bool:
        """Whether WeChat takes another article."""
        return len(self.articles) < MAX_ARTICLES

    def rearrange(self, action: str) -> bool:
        """Do `add`, `drop-a0`, `up-a0` or `down-a0`; False for anything else."""
        verb, _sep, name = action.partition("-")
        if verb == "add" and self.can_grow:
            taken = {one.prefix for one in self.articles}
            self.articles.append(ArticleForm(prefix=next(f"a{n}" for n in range(99) if f"a{n}" not in taken)))
            return True
        place = next((n for n, one in enumerate(self.articles) if one.prefix == name), None)
        if place is None or verb not in ("drop", "up", "down"):
            return verb == "add"
        one = self.articles.pop(place)
        if verb != "drop" or not self.articles:
            self.articles.insert(max(0, place + {"up": -1, "down": 1}.get(verb, 0)), one)
        return True

    def is_valid(self) -> bool:
        """Whether WeChat would take it; the reasons stand at the fields and in `errors`."""
        for form in self.articles:
            form.is_valid()
            form.check()
        if any(form.errors for form in self.articles):
            return False
        try:
            drafts.check(tuple(form.article() for form in self.articles))
        except PlatformFailed as error:
            self.errors.append(explain(error))
        return not self.errors

    def use_crops(self, stored: tuple[StoredArticle, ...]) -> None:
        """Keep the crops that the console set for covers that stay the same."""
        crops = {one.thumb_media_id: _crops(one) for one in stored}
        for form in self.articles:
            form.initial["crops"] = {} if form.cleaned_data.get("cover_file") else crops.get(form.cover_id, {})


def _prefixes(data: QueryDict) -> list[str]:
    named = [name for name in data.get("order", "").split(",") if name[:1] == "a" and name[1:].isdecimal()]
    return list(dict.fromkeys(named))[:MAX_ARTICLES] or ["a0"]


def _crops(stored: StoredArticle) -> dict[str, Any]:
    article = drafts.written(stored)
    return {"wide_crop": article.wide_crop, "square_crop": article.square_crop}


def _initial(stored: StoredArticle) -> dict[str, Any]:
    names = ("title", "author", "digest", "content", "source_url", "thumb_media_id", "can_comment", "is_fans_only")
    return {name: getattr(stored, name) for name in names}
