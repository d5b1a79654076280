"""What each errcode of WeChat means, whether asking again helps and what to do about it (fact sheet, section 13)."""

from dataclasses import dataclass
from enum import StrEnum


class Reaction(StrEnum):
    """What the caller does about a refusal."""

    RETRY = "retry"  # busy: again after a short wait, at most three times, if the call may be repeated
    RENEW_TOKEN = "renew_token"  # noqa: S105 - once; the client does it by itself
    WAIT_A_MINUTE = "wait_a_minute"
    WAIT_A_DAY = "wait_a_day"  # parked until midnight in Beijing
    WAIT_FOR_USER = "wait_for_user"  # until the person writes, follows, scans or subscribes again
    DROP_RECIPIENT = "drop_recipient"  # this person cannot be reached at all now
    DONE = "done"  # it had been done before: as good as success
    UPLOAD_AGAIN = "upload_again"
    MEND_CONTENT = "mend_content"  # a person changes what is sent
    MEND_SETTINGS = "mend_settings"  # the owner changes something in WeChat's console or in the connection
    AUTHORISE_AGAIN = "authorise_again"
    LOG_IN_AGAIN = "log_in_again"  # the person opens the page or mini program again
    REPORT_BUG = "report_bug"  # our request was wrong


PASSING = {Reaction.RETRY, Reaction.RENEW_TOKEN, Reaction.WAIT_A_MINUTE, Reaction.WAIT_A_DAY}


@dataclass(frozen=True)
class Meaning:
    """A sentence for people (an English source string) and the reaction."""

    template: str
    reaction: Reaction

    @property
    def is_permanent(self) -> bool:
        """Whether the same call fails again until somebody changes something."""
        return self.reaction not in PASSING


_BAD_REQUEST = Meaning(
    "WeChat found our request faulty (%(errcode)s: %(errmsg)s). Please report this with the request id %(rid)s.",
    Reaction.REPORT_BUG,
)
_BAD_MEDIA = Meaning(
    "WeChat does not accept this file (%(errmsg)s). Check its kind, format and size.", Reaction.MEND_CONTENT
)
_BAD_MENU = Meaning(
    "WeChat does not accept this menu (%(errmsg)s). Check names, keys and links.", Reaction.MEND_CONTENT
)
_LINK_DOMAIN = Meaning(
    "The link's domain is not allowed here. Use another link or add the domain in the WeChat console.",
    Reaction.MEND_CONTENT,
)
_LOG_IN = Meaning("The WeChat login is not valid any more. Open the page again to log in anew.", Reaction.LOG_IN_AGAIN)
_EMPTY = Meaning("The message is empty. Fill it in and send again.", Reaction.MEND_CONTENT)
_TOO_LONG = Meaning("WeChat finds the content too long or too big (%(errmsg)s). Shorten it.", Reaction.MEND_CONTENT)
_TEMPLATE_STOPPED = Meaning(
    "WeChat has stopped this template (%(errmsg)s). Choose another template.", Reaction.MEND_SETTINGS
)
_TOKEN = Meaning("The access token is not valid any more. It is renewed by itself; try again.", Reaction.RENEW_TOKEN)
_BAD_SECRET = Meaning(
    "The AppSecret is wrong. Copy the current one from the WeChat console into the connection.", Reaction.MEND_SETTINGS
)
_BAD_TAG = Meaning("WeChat does not accept this tag (%(errmsg)s). Check its name.", Reaction.MEND_CONTENT)
_TICKET = Meaning(
    "WeChat's ticket for our platform is too old or wrong. It sends a new one every ten minutes; try again then.",
    Reaction.WAIT_A_MINUTE,
)
_NO_AUTHORISATION = Meaning(
    "The account has withdrawn its authorisation or it has run out. Connect the account again by scanning the code.",
    Reaction.AUTHORISE_AGAIN,
)
_AUTH_CODE = Meaning(
    "The authorisation code is used up or too old. Start connecting the account anew.", Reaction.AUTHORISE_AGAIN
)
_PLATFORM = Meaning(
    "The Open Platform settings do not fit (%(errcode)s: %(errmsg)s). Check the platform's AppID and its release.",
    Reaction.MEND_SETTINGS,
)
_PUBLISH = Meaning(
    "WeChat did not publish the article (%(errmsg)s). Open the draft in the WeChat console and mend it.",
    Reaction.MEND_CONTENT,
)
_STAFF = Meaning(
    "WeChat does not accept this staff account (%(errmsg)s). Check it in the WeChat console.", Reaction.MEND_SETTINGS
)
_CONDITIONAL_MENU = Meaning(
    "WeChat does not accept this conditional menu (%(errmsg)s). It needs a default menu and a valid rule.",
    Reaction.MEND_CONTENT,
)
_DATES = Meaning(
    "WeChat has no statistics for these dates. Choose fewer days, ending yesterday at the latest.", Reaction.REPORT_BUG
)
_MINI_LINK = Meaning(
    "WeChat made no link (%(errmsg)s). Check that the mini program is released and how long the link shall live.",
    Reaction.MEND_SETTINGS,
)
_BINDING = Meaning(
    "The Open Platform binding does not allow this (%(errmsg)s). Check the binding in the Open Platform console.",
    Reaction.MEND_SETTINGS,
)
_ASK_ADMIN = Meaning(
    "WeChat asks the account's administrator to allow our server's address. Ask them to confirm it in WeChat.",
    Reaction.MEND_SETTINGS,
)
_ADMIN_REFUSED = Meaning(
    "The administrator refused our server's address. Ask them to allow it; WeChat asks again after some hours.",
    Reaction.MEND_SETTINGS,
)
_BLOCKED = Meaning(
    "WeChat has blocked or frozen the account. See the notices in the WeChat console.", Reaction.MEND_SETTINGS
)
_TEMPLATE_ADMIN = Meaning(
    "WeChat does not accept this change of templates (%(errmsg)s). An account holds at most 25.", Reaction.MEND_SETTINGS
)

MEANINGS: dict[int, Meaning] = {
    -1: Meaning("WeChat is busy. Try again in a moment.", Reaction.RETRY),
    40001: _TOKEN,
    40003: Meaning("This person does not belong to this account. Leave them out.", Reaction.DROP_RECIPIENT),
    40007: Meaning("The uploaded file has expired at WeChat. Upload it again.", Reaction.UPLOAD_AGAIN),
    40008: _BAD_REQUEST,
    40013: Meaning("The AppID is wrong. Copy it again from the WeChat console.", Reaction.MEND_SETTINGS),
    40014: _TOKEN,
    40030: _LOG_IN,
    40029: _LOG_IN,
    40036: Meaning("WeChat does not know this template. Synchronise the templates.", Reaction.MEND_SETTINGS),
    40037: Meaning("WeChat does not know this template. Synchronise the templates.", Reaction.MEND_SETTINGS),
    40054: _LINK_DOMAIN,
    40055: _LINK_DOMAIN,
    40125: _BAD_SECRET,
    40129: _BAD_REQUEST,
    40130: _BAD_REQUEST,
    40132: Meaning("There is no person of this WeChat name. Check the name.", Reaction.MEND_CONTENT),
    40155: Meaning("Links to another account's home page are not allowed. Use another link.", Reaction.MEND_CONTENT),
    40163: _LOG_IN,
    40164: Meaning(
        "WeChat refuses our server's address %(address)s. Add it to the IP whitelist in the WeChat console.",
        Reaction.MEND_SETTINGS,
    ),
    40165: Meaning("The page does not exist in the mini program. Check its path.", Reaction.MEND_CONTENT),
    40226: Meaning("WeChat holds this person's mini program login for risky and blocks it.", Reaction.DROP_RECIPIENT),
    40243: Meaning("The AppSecret is frozen. Unfreeze it in the WeChat console.", Reaction.MEND_SETTINGS),
    41030: Meaning("The mini program's page is not published. Publish it or choose another.", Reaction.MEND_CONTENT),
    42001: _TOKEN,
    42002: _LOG_IN,
    42003: _LOG_IN,
    42007: Meaning("The person has changed their password. Ask them to log in again.", Reaction.LOG_IN_AGAIN),
    43004: Meaning("The person does not follow the account any more.", Reaction.DROP_RECIPIENT),
    43019: Meaning("The person is on the account's blacklist. Take them off it first.", Reaction.DROP_RECIPIENT),
    43101: Meaning("The person has no subscription left for this template. Ask them again.", Reaction.WAIT_FOR_USER),
    43104: _TEMPLATE_STOPPED,
    43107: Meaning("The person has switched these notices off.", Reaction.WAIT_FOR_USER),
    43108: _TEMPLATE_STOPPED,
    43116: _TEMPLATE_STOPPED,
    45009: Meaning(
        "Today's quota for this call is used up. It begins anew at midnight in Beijing.", Reaction.WAIT_A_DAY
    ),
    45011: Meaning("Too many calls in this minute. Try again in a minute.", Reaction.WAIT_A_MINUTE),
    45015: Meaning(
        "The person has not written for 48 hours, so no message may be sent. Choose another way.",
        Reaction.WAIT_FOR_USER,
    ),
    45026: _TEMPLATE_ADMIN,
    45027: _TEMPLATE_ADMIN,
    45028: Meaning("The account has no mass messages left. Wait for the next day or month.", Reaction.WAIT_A_DAY),
    45047: Meaning(
        "All messages allowed since the person last wrote are used up. Wait until they write again.",
        Reaction.WAIT_FOR_USER,
    ),
    45056: Meaning("The account has 100 tags already. Delete one first.", Reaction.MEND_SETTINGS),
    45057: Meaning("More than 100,000 people carry this tag. Take it off them first.", Reaction.MEND_SETTINGS),
    45058: Meaning("This tag belongs to WeChat and cannot be changed.", Reaction.MEND_CONTENT),
    45059: Meaning("The person carries 20 tags already. Take one off first.", Reaction.DROP_RECIPIENT),
    45064: Meaning(
        "The mini program is not linked to the account. Link it in the WeChat console.", Reaction.MEND_SETTINGS
    ),
    45065: Meaning("This mass message had been sent before; it was not sent twice.", Reaction.DONE),
    45066: Meaning("The same mass message was tried a moment ago. Try again in a minute.", Reaction.WAIT_A_MINUTE),
    45067: _BAD_REQUEST,
    45072: _BAD_REQUEST,
    45080: Meaning("The person has not written in the last 30 seconds.", Reaction.WAIT_FOR_USER),
    45081: Meaning("The person sees that you are typing already.", Reaction.DONE),
    45110: Meaning("The author's name is too long. Shorten it.", Reaction.MEND_CONTENT),
    45157: _BAD_TAG,
    45158: _BAD_TAG,
    45159: _BAD_TAG,
    45168: Meaning("The notice holds words that WeChat forbids. Change the wording.", Reaction.MEND_CONTENT),
    46001: Meaning("The uploaded file has expired at WeChat. Upload it again.", Reaction.UPLOAD_AGAIN),
    46003: Meaning("The account has no menu.", Reaction.DONE),
    46004: Meaning("This person does not belong to this account. Leave them out.", Reaction.DROP_RECIPIENT),
    47001: _BAD_REQUEST,
    47003: Meaning("A value does not fit the template (%(errmsg)s). Correct that value.", Reaction.MEND_CONTENT),
    48001: Meaning(
        "This account may not do that. Check its verification and permissions in the WeChat console.",
        Reaction.MEND_SETTINGS,
    ),
    48002: Meaning("The person does not accept messages from this account.", Reaction.DROP_RECIPIENT),
    48004: Meaning(
        "WeChat has banned this function for the account. See the notices in the WeChat console.",
        Reaction.MEND_SETTINGS,
    ),
    48005: Meaning("The material is in use by a menu or an automatic reply. Remove it there.", Reaction.MEND_CONTENT),
    48006: Meaning("This month's ten quota resets are used up. Wait for the next month.", Reaction.MEND_SETTINGS),
    48008: Meaning("The account may not send this kind of message. Choose another kind.", Reaction.MEND_CONTENT),
    49003: Meaning("This person belongs to another account. Leave them out.", Reaction.DROP_RECIPIENT),
    50001: Meaning("The person has not agreed to this. Ask them to authorise it.", Reaction.LOG_IN_AGAIN),
    50002: Meaning("WeChat has restricted this person's account.", Reaction.DROP_RECIPIENT),
    50004: _BLOCKED,
    50005: Meaning("The person does not follow the account any more.", Reaction.DROP_RECIPIENT),
    50007: _BLOCKED,
    53600: Meaning("The published article does not exist any more. Synchronise the articles.", Reaction.MEND_CONTENT),
    61003: _NO_AUTHORISATION,
    61004: Meaning(
        "WeChat refuses our server's address %(address)s. Add it to the whitelist of the Open Platform console.",
        Reaction.MEND_SETTINGS,
    ),
    61005: _TICKET,
    61006: _TICKET,
    61007: Meaning(
        "The account has not granted this permission set. Connect it again and tick the permission.",
        Reaction.AUTHORISE_AGAIN,
    ),
    61009: _AUTH_CODE,
    61010: _AUTH_CODE,
    61023: _NO_AUTHORISATION,
    76021: _BAD_REQUEST,
    76022: Meaning("The account may not ask for the quota of this call.", Reaction.MEND_SETTINGS),
    85079: _MINI_LINK,
    87009: _LOG_IN,
    87014: Meaning("WeChat finds the content risky. Change it.", Reaction.MEND_CONTENT),
    89501: _ASK_ADMIN,
    89503: _ASK_ADMIN,
    89506: _ADMIN_REFUSED,
    89507: _ADMIN_REFUSED,
}

_RANGES: tuple[tuple[int, int, Meaning], ...] = (
    (40004, 40012, _BAD_MEDIA),
    (40015, 40027, _BAD_MENU),
    (40117, 40137, _BAD_MEDIA),
    (40200, 40299, _MINI_LINK),
    (44001, 44004, _EMPTY),
    (45001, 45008, _TOO_LONG),
    (53400, 53599, _PUBLISH),
    (61011, 61028, _PLATFORM),
    (61450, 61457, _STAFF),
    (61500, 61501, _DATES),
    (65301, 65317, _CONDITIONAL_MENU),
    (85400, 85402, _MINI_LINK),
    (89000, 89004, _BINDING),
    (200011, 200017, _TEMPLATE_ADMIN),
)


def explain(errcode: int, *, is_token_call: bool = False) -> Meaning:
    """The meaning of an errcode; 40001 of the call that issues tokens speaks of the secret. Unlisted: our fault."""
    if is_token_call and errcode == 40001:
        return _BAD_SECRET
    if errcode in MEANINGS:
        return MEANINGS[errcode]
    return next((meaning for low, high, meaning in _RANGES if low <= errcode <= high), _BAD_REQUEST)
