"""Conditions on what is known of a contact: facts, tags, own fields, following, consent, scores, chance, segments.

Stage: execution. Pure but for the options, which ask the brand's data.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from audience import contacts
from audience.models import Consent, Contact
from campaigns.models import Segment
from campaigns.segments.fields import Choice, Choices, Field, Number, RuleInvalid, Text, WordList, Words
from campaigns.segments.kinds import ConditionKind, Values
from campaigns.segments.sql import Ask, Sql
from connectors.models import ConnectedAccount
from connectors.wechat.rules import rules_at

PERSON, WECHAT, MODEL, OTHER = _("Person"), _("WeChat"), _("Model"), _("Other")
IS = (("is", pgettext_lazy("condition", "is")), ("is_not", pgettext_lazy("condition", "is not")))
_NUMBER = "'^-?[0-9]{1,15}([.][0-9]{1,15})?$'"


def listed(words: Iterable[Any]) -> str:
    """Words joined for people."""
    return gettext(", ").join(str(word) for word in words)


# --- facts ----------------------------------------------------------------------------------------------------------


def _fact(column: str, label: Promise, values: Field) -> ConditionKind:
    def sql(given: Values, ask: Ask) -> Sql:
        found = Sql(f"c.{column} = ANY(%s)", (list(given["values"]),))
        return found if given["op"] == "is" else found.negated()

    def words(given: Values) -> str:
        names = [values.label_of(word) if isinstance(values, Choice) else word for word in given["values"]]
        template = gettext("%(fact)s is %(values)s") if given["op"] == "is" else gettext("%(fact)s is not %(values)s")
        return template % {"fact": label, "values": listed(names)}

    return ConditionKind(column, PERSON, label, (Choice("op", options=IS), values), sql, words)


TAG_MODES: tuple[tuple[str, Words], ...] = (
    ("any", pgettext_lazy("tags", "any of")),
    ("all", pgettext_lazy("tags", "all of")),
    ("none", pgettext_lazy("tags", "none of")),
)


def _tags_sql(given: Values, ask: Ask) -> Sql:
    tags = (list(given["values"]),)
    if given["op"] == "all":
        return Sql("c.tags @> %s::varchar[]", tags)
    overlap = Sql("c.tags && %s::varchar[]", tags)
    return overlap if given["op"] == "any" else overlap.negated()


def _tags_words(given: Values) -> str:
    templates = {
        "any": gettext("has any of the tags %(tags)s"),
        "all": gettext("has all of the tags %(tags)s"),
        "none": gettext("has none of the tags %(tags)s"),
    }
    return templates[given["op"]] % {"tags": listed(given["values"])}


ATTRIBUTE_MODES: tuple[tuple[str, Words], ...] = (
    *IS,
    ("contains", pgettext_lazy("condition", "contains")),
    ("at_least", pgettext_lazy("condition", "is at least")),
    ("at_most", pgettext_lazy("condition", "is at most")),
    ("known", pgettext_lazy("condition", "is known")),
    ("unknown", pgettext_lazy("condition", "is not known")),
)


def _attribute_sql(given: Values, ask: Ask) -> Sql:
    name, value, op = given["name"], given["value"], given["op"]
    if op in ("known", "unknown"):
        known = Sql("coalesce(c.attributes ->> %s, '') <> ''", (name,))
        return known if op == "known" else known.negated()
    if op in ("at_least", "at_most"):
        sign = ">=" if op == "at_least" else "<="
        number = f"CASE WHEN c.attributes ->> %s ~ {_NUMBER} THEN (c.attributes ->> %s)::numeric END"
        return Sql(f"coalesce({number} {sign} %s::numeric, FALSE)", (name, name, _as_number(value)))
    if op == "contains":
        return Sql("position(lower(%s) IN lower(coalesce(c.attributes ->> %s, ''))) > 0", (value, name))
    same = Sql("coalesce(c.attributes ->> %s, '') = %s", (name, value))
    return same if op == "is" else same.negated()


def _as_number(value: str) -> str:
    try:
        return str(float(value))
    except ValueError:
        raise RuleInvalid(gettext_noop("“%(value)s” is not a number."), value=value) from None


def _attribute_words(given: Values) -> str:
    mode = str(dict(ATTRIBUTE_MODES)[given["op"]])
    return " ".join(filter(None, (f"“{given['name']}”", mode, given["value"])))


# --- WeChat ---------------------------------------------------------------------------------------------------------


def _accounts() -> list[tuple[str, Words]]:
    rows = ConnectedAccount.objects.order_by("pk").values_list("app_id", "name")
    return [("", _("any account")), *((app_id, name or app_id) for app_id, name in rows)]


ACCOUNT = Choice("account", is_optional=True, options=_accounts, is_open=True)
_FOLLOWS = """EXISTS (SELECT FROM audience_identity AS i WHERE i.tenant_id = c.tenant_id AND i.contact_id = c.id
    AND i.kind = 'openid' AND i.followed_at IS NOT NULL
    AND (i.unfollowed_at IS NULL OR i.unfollowed_at < i.followed_at)"""


def follows(account: str) -> Sql:
    """The contact follows the account with this AppID, or any for ''."""
    return Sql(f"{_FOLLOWS} AND i.account_ref = %s)", (account,)) if account else Sql(f"{_FOLLOWS})")


def _follows_sql(given: Values, ask: Ask) -> Sql:
    found = follows(given["account"])
    return found if given["op"] == "is" else found.negated()


def _follows_words(given: Values) -> str:
    template = gettext("follows %(account)s") if given["op"] == "is" else gettext("does not follow %(account)s")
    return template % {"account": ACCOUNT.label_of(given["account"])}


SINCE: tuple[tuple[str, Words], ...] = (
    ("within", pgettext_lazy("condition", "within the last")),
    ("longer_ago", pgettext_lazy("condition", "longer ago than")),
)


def _followed_sql(given: Values, ask: Ask) -> Sql:
    sign = ">=" if given["op"] == "within" else "<"
    return Sql(f"coalesce(c.followed_at {sign} %s, FALSE)", (ask.now - timedelta(days=given["days"]),))


def _followed_words(given: Values) -> str:
    template = (
        gettext("began to follow within the last %(days)s days")
        if given["op"] == "within"
        else gettext("began to follow more than %(days)s days ago")
    )
    return template % {"days": given["days"]}


def _window_sql(given: Values, ask: Ask) -> Sql:
    """A customer-service message is possible: some act of the person opened a window that is not over yet."""
    rows = [rule for rule in rules_at(ask.now).windows if rule.num_messages]
    opened = " OR ".join(
        "(a.kind = %s AND coalesce((v.openings ->> %s)::timestamptz + %s > %s, FALSE))" for _rule in rows
    )
    params: list[Any] = []
    for rule in rows:
        params += [rule.kind.value, rule.trigger.value, timedelta(seconds=rule.window_seconds), ask.now]
    account = "AND a.app_id = %s" if given["account"] else ""
    return Sql(
        f"""EXISTS (SELECT FROM connectors_conversation AS v
            JOIN connectors_connectedaccount AS a ON a.tenant_id = v.tenant_id AND a.id = v.account_id
            WHERE v.tenant_id = c.tenant_id AND v.contact_id = c.id {account} AND ({opened}))""",
        (*([given["account"]] if given["account"] else []), *params),
    )


def _window_words(given: Values) -> str:
    return gettext("may get a customer-service message of %(account)s now") % {
        "account": ACCOUNT.label_of(given["account"])
    }


# --- privacy --------------------------------------------------------------------------------------------------------

ANSWERS: tuple[tuple[str, Words], ...] = (
    ("granted", pgettext_lazy("consent", "granted")),
    ("refused", pgettext_lazy("consent", "refused or withdrawn")),
    ("unasked", pgettext_lazy("consent", "not answered yet")),
)


def _consent_sql(given: Values, ask: Ask) -> Sql:
    answered = """EXISTS (SELECT FROM audience_consent AS k WHERE k.tenant_id = c.tenant_id AND k.contact_id = c.id
        AND k.purpose = %s AND k.state = ANY(%s))"""
    states = {"granted": ["granted"], "refused": ["denied", "withdrawn"], "unasked": list(Consent.State.values)}
    found = Sql(answered, (given["purpose"], states[given["op"]]))
    return found.negated() if given["op"] == "unasked" else found


def _consent_words(given: Values) -> str:
    purpose, answer = dict(Consent.Purpose.choices)[given["purpose"]], dict(ANSWERS)[given["op"]]
    return gettext("consent to “%(purpose)s”: %(answer)s") % {"purpose": purpose, "answer": answer}


SWITCH: tuple[tuple[str, Words], ...] = (("on", pgettext_lazy("switch", "on")), ("off", pgettext_lazy("switch", "off")))


def _personalisation_sql(given: Values, ask: Ask) -> Sql:
    return Sql("c.is_personalisation_off" if given["op"] == "off" else "NOT c.is_personalisation_off")


def _personalisation_words(given: Values) -> str:
    return gettext("personal recommendations are %(switch)s") % {"switch": dict(SWITCH)[given["op"]]}


# --- models, chance, segments ---------------------------------------------------------------------------------------

SCORE_MODES: tuple[tuple[str, Words], ...] = (
    ("top", pgettext_lazy("score", "among the best")),
    ("bottom", pgettext_lazy("score", "among the lowest")),
)


def _score_sql(given: Values, ask: Ask) -> Sql:
    """Percentile p = share of the scored with less; the best n % have p >= 100 - n."""
    bound = 100 - given["percent"] if given["op"] == "top" else given["percent"]
    sign = ">=" if given["op"] == "top" else "<"
    return Sql(
        f"""EXISTS (SELECT FROM recommendations_contactscore AS s WHERE s.tenant_id = c.tenant_id
            AND s.contact_id = c.id AND s.purpose = 'engagement' AND s.percentile {sign} %s)""",
        (bound,),
    )


def _score_words(given: Values) -> str:
    template = (
        gettext("is among the %(percent)s %% most likely to convert")
        if given["op"] == "top"
        else gettext("is among the %(percent)s %% least likely to convert")
    )
    return template % {"percent": given["percent"]}


def _bucket_sql(given: Values, ask: Ask) -> Sql:
    """Stable for a contact: the hash of its code, 0..99."""
    hashed = "('x' || substr(md5(c.code), 1, 8))::bit(32)::bigint %% 100"
    return Sql(f"({hashed} >= %s AND {hashed} < %s)", (given["first"], given["last"]))


def _bucket_words(given: Values) -> str:
    return gettext("is in the random share from %(first)s %% to %(last)s %%") % given


def _segments() -> list[tuple[str, Words]]:
    return [(one.code, one.name) for one in Segment.objects.filter(is_archived=False).order_by("name")]


SEGMENT = Choice("segment", options=_segments, is_open=True)
MEMBERSHIP: tuple[tuple[str, Words], ...] = (
    ("in", pgettext_lazy("segment", "is in")),
    ("not_in", pgettext_lazy("segment", "is not in")),
)


def _segment_sql(given: Values, ask: Ask) -> Sql:
    assert ask.other_segment is not None
    found = ask.other_segment(given["segment"], ask)
    return found if given["op"] == "in" else found.negated()


def _segment_words(given: Values) -> str:
    template = gettext("is in “%(segment)s”") if given["op"] == "in" else gettext("is not in “%(segment)s”")
    return template % {"segment": SEGMENT.label_of(given["segment"])}


def _everybody_sql(given: Values, ask: Ask) -> Sql:
    return Sql("TRUE")


CONTACT_KINDS: tuple[ConditionKind, ...] = (
    _fact("gender", _("Gender"), Choices("values", options=tuple(Contact.Gender.choices))),
    _fact("age_band", _("Age"), Choices("values", options=tuple(Contact.AgeBand.choices))),
    _fact("region", _("Region"), WordList("values", suggest=contacts.regions)),
    _fact("city", _("City"), WordList("values")),
    ConditionKind(
        "tags", PERSON, _("Tags"), (Choice("op", options=TAG_MODES), WordList("values", suggest=contacts.tags)),
        _tags_sql, _tags_words,
    ),
    ConditionKind(
        "attribute", PERSON, _("Own field"),
        (Text("name"), Choice("op", options=ATTRIBUTE_MODES), Text("value", is_optional=True)),
        _attribute_sql, _attribute_words,
    ),
    ConditionKind(
        "everybody", PERSON, _("Everybody"), (), _everybody_sql, lambda given: gettext("everybody"),
    ),
    ConditionKind(
        "follows", WECHAT, _("Follows an account"), (Choice("op", options=IS), ACCOUNT), _follows_sql, _follows_words,
    ),
    ConditionKind(
        "followed", WECHAT, _("Began to follow"),
        (Choice("op", options=SINCE), Number("days", least=1, most=3650, default=30, unit=_("days"))),
        _followed_sql, _followed_words,
    ),
    ConditionKind("window", WECHAT, _("May be written to now"), (ACCOUNT,), _window_sql, _window_words),
    ConditionKind(
        "consent", PERSON, _("Consent"),
        (Choice("purpose", options=tuple(Consent.Purpose.choices)), Choice("op", options=ANSWERS)),
        _consent_sql, _consent_words,
    ),
    ConditionKind(
        "personalisation", PERSON, _("Personal recommendations"), (Choice("op", options=SWITCH),),
        _personalisation_sql, _personalisation_words,
    ),
    ConditionKind(
        "score", MODEL, _("Conversion score"),
        (Choice("op", options=SCORE_MODES), Number("percent", least=1, most=100, default=10, unit="%")),
        _score_sql, _score_words,
    ),
    ConditionKind(
        "bucket", OTHER, _("Random share"),
        (
            Number("first", least=0, most=99, default=0, unit="%"),
            Number("last", _("to"), least=1, most=100, default=50, unit="%"),
        ),
        _bucket_sql, _bucket_words,
    ),
    ConditionKind(
        "segment", OTHER, _("Segment"), (Choice("op", options=MEMBERSHIP), SEGMENT), _segment_sql, _segment_words,
    ),
)  # fmt: skip
