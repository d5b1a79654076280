"""From a public code to an object of the brand in scope. Missing and foreign look alike: 404."""

from django.http import Http404

from connectors.models import ConnectedAccount


def account_for(code: str) -> ConnectedAccount:
    """The connected account with this code; disconnected ones are gone."""
    found: ConnectedAccount | None = (
        ConnectedAccount.objects.filter(code=code).exclude(state=ConnectedAccount.State.DISCONNECTED).first()
    )
    if found is None:
        raise Http404
    return found
