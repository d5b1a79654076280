"""What users allow subscription templates, and the events that tell it (fact sheet 4.3)."""

from typing import TYPE_CHECKING, Any

from simulator.errors import Refusal
from simulator.messaging_state import Consent, Template
from simulator.pushing import push_event

if TYPE_CHECKING:
    from simulator.world import Account, User, World


def answer_popup(
    world: "World", account: "Account", user: "User", answers: dict[str, bool], scene: int | None = None
) -> None:
    """The user answers the question about one or more templates (id -> accepts); one event tells all answers.

    An acceptance adds one send, or any number for a long-term template. `scene`: 1 page, 2 article (service account).
    """
    for template_id, accepts in answers.items():
        template = _template(account, template_id)
        if accepts:
            add_consent(account, user, template)
    items = [_answered(template_id, accepts, scene) for template_id, accepts in answers.items()]
    push_event(world, account, user.openid, "subscribe_msg_popup_event", SubscribeMsgPopupEvent={"List": items})


def add_consent(account: "Account", user: "User", template: Template) -> None:
    """One more send, or all that follow."""
    consent = account.messaging.consents.setdefault(user.openid, {}).setdefault(template.id, Consent())
    consent.is_switched_off = False
    if template.kind == "long":
        consent.is_long_term = True
    else:
        consent.remaining += 1


def refuse(world: "World", account: "Account", user: "User", template_ids: list[str]) -> None:
    """The user takes consents back in the notice settings; only refusals are told."""
    for template_id in template_ids:
        account.messaging.consents.get(user.openid, {}).pop(template_id, None)
    items = [{"TemplateId": template_id, "SubscribeStatusString": "reject"} for template_id in template_ids]
    push_event(world, account, user.openid, "subscribe_msg_change_event", SubscribeMsgChangeEvent={"List": items})


def spend_consent(account: "Account", user: "User", template: Template) -> None:
    """Takes one send; 43101 without consent, 43107 when notices are switched off."""
    consent = account.messaging.consents.get(user.openid, {}).get(template.id)
    if consent is not None and consent.is_switched_off:
        raise Refusal(43107)
    if consent is None or not (consent.is_long_term or consent.remaining > 0):
        raise Refusal(43101)
    if not consent.is_long_term:
        consent.remaining -= 1


def _template(account: "Account", template_id: str) -> Template:
    template = account.messaging.templates.get(template_id)
    if template is None or template.kind == "template":
        raise Refusal(40037)
    return template


def _answered(template_id: str, accepts: bool, scene: int | None) -> dict[str, Any]:
    item: dict[str, Any] = {
        "TemplateId": template_id,
        "SubscribeStatusString": "accept" if accepts else "reject",
    }
    return item if scene is None else item | {"PopupScene": scene}
