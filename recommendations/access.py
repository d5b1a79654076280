"""From an external id to the contact an answer is for. Missing and foreign look alike: 404."""

from django.http import Http404

from recommendations import serving
from recommendations.serving import Showroom


def showroom_for(external_id: str) -> Showroom:
    """What is live now, with the brand's contact of this external id as receiver."""
    showroom = serving.enter(external_id)
    if showroom.receiver is None:
        raise Http404
    return showroom
