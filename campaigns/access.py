"""From a public code to an object of campaigns in the brand in scope. Missing and foreign look alike: 404."""

from django.http import Http404

from campaigns.models import Segment


def segment_for(code: str) -> Segment:
    """The segment with this code."""
    found: Segment | None = Segment.objects.filter(code=code).first()
    if found is None:
        raise Http404
    return found
