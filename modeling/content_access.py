"""From a public code or an id to a content model or suggestion of the brand in scope. Missing and foreign: 404."""

from django.http import Http404

from modeling.content_models import ContentModel, Suggestion


def content_model_for(code: str) -> ContentModel:
    """The content model with this public code, with its job."""
    model: ContentModel | None = ContentModel.objects.select_related("job").filter(code=code).first()
    if model is None:
        raise Http404
    return model


def suggestion_for(suggestion_id: int) -> Suggestion:
    """The suggestion, with its item."""
    found: Suggestion | None = Suggestion.objects.select_related("item").filter(pk=suggestion_id).first()
    if found is None:
        raise Http404
    return found
