"""From a public code or an id to a content model or suggestion of the brand in scope. Missing and foreign: 404."""

from django.http import Http404

from modeling.content_models import ContentModel, Suggestion


def content_model_for(code: str) -> ContentModel:
    """The content model with this public code, with its job."""
    model: ContentModel | None = ContentModel.objects.select_related("job").filter(code=code).first()
    if model is None:
        raise Http404
    return model


def suggestion_for(suggestion_id: int | str) -> Suggestion:
    """The suggestion, with its item."""
    text = str(suggestion_id)
    is_id = text.isascii() and text.isdecimal() and len(text) <= 18
    found: Suggestion | None = Suggestion.objects.select_related("item").filter(pk=int(text) if is_id else 0).first()
    if found is None:
        raise Http404
    return found
