"""The answer to "what shall this contact see?": rankings chained with fallbacks, rules, and a reason for every item.

Stage: recommendation. Reads the contact's acts, the catalogue and the live model; writes nothing.

The chain: live model -> item-kNN -> popularity by recency -> counts of the last weeks -> the newest. Each link adds
what the ones before left open, so a brand without a model, a contact without acts and a damaged file all get an answer.
Some places go to new items that no model can know yet: one to known contacts, every third to new ones.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from audience.models import Contact
from catalog.models import Item
from catalog.pictures import address
from common.errors import BadInput
from common.translation import translated
from modeling import item_likeness
from modeling.histories import History
from modeling.models import ModelVersion
from recommendations import histories, portraits, ranking_scores, rankings, serving
from recommendations.access import showroom_for
from recommendations.drafts import Draft, Pick
from recommendations.grounds import Grounds, find_causes
from recommendations.histories import Behaviour
from recommendations.item_tables import KINDS, ItemTable, hash_words
from recommendations.ranking_scores import Expected
from recommendations.rankings import Ask, Ranking
from recommendations.reasons import Reason
from recommendations.serving import Receiver, ServedModel, Showroom

MAX_ITEMS = 50
EXPLORE_FROM = 5
"""Personal slates of at least this many items end with a new one."""
ANONYMOUS = "anonymous"
PERSONALISATION_OFF = "personalisation_off"
NO_MODEL = "no_model"
MODEL_BROKEN = "model_broken"
NEW_CONTACT = "new_contact"
PROFILE_ONLY = "profile_only"
PORTRAIT_SHARE = 0.4
"""Profile, habit and peers may each fill this share of the slate of a contact without acts on items."""
FALLBACKS = {
    ANONYMOUS: _("For somebody nobody knows yet: what is popular and new."),
    PERSONALISATION_OFF: _("This person switched personal recommendations off and gets the same list as everybody."),
    NO_MODEL: _("No model is live yet. Train one under Models."),
    MODEL_BROKEN: _(
        "The live model's files cannot be read, so a simpler one answers. Promote or train another version."
    ),
    PROFILE_ONLY: _(
        "No act on an item is known of this person yet: what matches the profile and people alike leads, then what is "
        "popular."
    ),
    NEW_CONTACT: _("Too little is known of this person yet: what is popular and new."),
}
"""Why the live model did not lead, for people."""


@lru_cache(maxsize=10_000)
def _address(tenant_id: int, kind: str, picture: str) -> str:
    """Signing an address costs more than finding the item; it never changes."""
    return address(Item(tenant_id=tenant_id, kind=kind, picture=picture))


@dataclass(frozen=True)
class SlateItem:
    """One recommended item."""

    rank: int
    item: Item
    score: float
    source: str
    """What ordered it: a model's kind, or counts, newest, content, profile, peers, or the habit (likes, ...)."""
    reason: Reason
    match: float | None = None
    """0..1 among the candidates that the model weighed for this contact; None where no model weighed one."""
    expected: Expected | None = None
    """What the contact would do with it; None where no ranker judged."""

    def to_dict(self, *, is_explained: bool = False) -> dict[str, Any]:
        """JSON of the API; explained, with what the contact would do with the item."""
        item = self.item
        why = {"expected": self.expected.to_dict() if self.expected else None} if is_explained else {}
        return {
            "rank": self.rank,
            "external_id": item.external_id,
            "kind": item.kind,
            "title": item.title,
            "url": item.url,
            "picture": _address(item.tenant_id, item.kind, item.picture),
            "category": item.category,
            "price_fen": item.price_fen,
            "score": round(self.score, 6),
            "source": self.source,
            "reason": self.reason.to_dict(),
            **why,
        }


@dataclass(frozen=True)
class Slate:
    """Items in order, and where they come from."""

    items: tuple[SlateItem, ...]
    is_personal: bool
    """Whether what is known of this one contact decided about any item."""
    version: ModelVersion | None
    """The model version that leads; None when none took part."""
    fallback: str = ""
    """Code of why the live model does not lead; empty when it does."""
    ordered_by: ModelVersion | None = None
    """The version that put the model's candidates in the order of their value; None when none did."""

    @property
    def fallback_reason(self) -> str:
        """The fallback as a sentence in the active language."""
        return translated(FALLBACKS[self.fallback]) if self.fallback else ""

    def to_dict(self, *, is_explained: bool = False) -> dict[str, Any]:
        """JSON of the API; explained, with what the contact would do with each item."""
        return {
            "items": [item.to_dict(is_explained=is_explained) for item in self.items],
            "is_personal": self.is_personal,
            "model": _name(self.version),
            "ordered_by": _name(self.ordered_by),
            "fallback": {"code": self.fallback, "text": self.fallback_reason} if self.fallback else None,
        }


def _name(version: ModelVersion | None) -> dict[str, Any] | None:
    return {"version": version.code, "number": version.number, "kind": version.kind} if version else None


def recommend(
    contact: Contact | None,
    num_items: int = 10,
    kinds: Collection[str] | None = None,
    now: datetime | None = None,
    version: ModelVersion | None = None,
) -> Slate:
    """What the contact shall see now; None is a visitor nobody knows. `version` answers in place of the live one.

    Never an inactive item, nor one the contact bought, enrolled in, finished or has lately met. With personalisation
    off the contact's acts are not even read. Raises BadInput for impossible numbers or kinds.
    """
    showroom = serving.enter()
    if version is not None:
        showroom = replace(showroom, live=version)
    if contact is not None:
        showroom = replace(showroom, receiver=Receiver(contact.pk, contact.is_personalisation_off))
    return _answer(showroom, _ask(num_items, kinds or (), now or timezone.now()))


def recommend_to(external_id: str, num_items: int = 10, kinds: Collection[str] | None = None) -> Slate:
    """`recommend` for the contact with the brand's own id, without reading more of the contact; 404 when unknown."""
    ask = _ask(num_items, kinds or (), timezone.now())
    return _answer(showroom_for(external_id), ask)


def _answer(showroom: Showroom, ask: Ask) -> Slate:
    served = serving.open_model(showroom.live) if showroom.live else None
    receiver = showroom.receiver
    if receiver is None or receiver.is_personalisation_off:
        draft = _compose(showroom, served, ask, None)
        return _finish(draft, ask, ANONYMOUS if receiver is None else PERSONALISATION_OFF)
    behaviour = histories.read(receiver.pk, ask.now, showroom.acts_since)
    ask = replace(ask, banned=frozenset(behaviour.met), who=receiver.pk)
    draft = _compose(showroom, served, ask, behaviour)
    return _finish(draft, ask, _fallback(draft, showroom, served))


def similar(item: Item, num_items: int = 10) -> Slate:
    """What goes with the item: what people turn to before and after it, then what says, shows and is the like."""
    ask = replace(_ask(num_items, (), timezone.now()), banned=frozenset({item.pk}))
    showroom = serving.enter()
    table, draft = showroom.table, Draft(showroom.table, ask.num_items)
    served = _neighbour_model(showroom)
    if served is not None and served.item_knn is not None:
        draft.take(rankings.by_neighbours(served, served.item_knn, item.pk, ask, table), ask.num_items, is_capped=False)
    among = rankings.not_banned(table.newest_first, ask, table)
    vectors = item_likeness.current()
    if vectors is not None:
        draft.take(rankings.by_likeness(vectors, item.pk, among, ask, table), draft.num_open, is_capped=False)
    content = rankings.by_content(table.positions_of([item.pk]), among, ask, table)
    draft.take(content, draft.num_open, is_capped=False)
    return _finish(draft, ask, "", about=item)


def _ask(num_items: int, kinds: Collection[str], now: datetime) -> Ask:
    if not 1 <= num_items <= MAX_ITEMS:
        raise BadInput(_("Ask for 1 to %(most)s items."), most=MAX_ITEMS)
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise BadInput(
            _("Unknown kind: %(unknown)s. Known kinds: %(known)s."), unknown=unknown[0], known=", ".join(KINDS)
        )
    return Ask(num_items, tuple(sorted(set(kinds))), now)


def _compose(showroom: Showroom, served: ServedModel | None, ask: Ask, behaviour: Behaviour | None) -> Draft:
    """New items get their places first, the chain fills the others, then the new ones are woven in."""
    draft = Draft(showroom.table, ask.num_items)
    is_known = behaviour is not None and bool(behaviour.item_ids)
    num_new = min(ask.num_items // EXPLORE_FROM, 1) if is_known else ask.num_items // 3
    if num_new:
        draft.take(_novelty(showroom, served, ask, behaviour if is_known else None), num_new)
    new = list(draft.picks)
    for ranking in _portrayed(ask, showroom.table) if behaviour and not is_known else ():
        draft.take(ranking, math.ceil(ask.num_items * PORTRAIT_SHARE))
    for ranking in _links(showroom, served, ask, behaviour):
        draft.fill(ranking, draft.num_open)
        if not draft.num_open:
            break
    draft.picks = _weave(draft.picks[len(new) :], new, every=ask.num_items if is_known else 2)
    return draft


def _links(showroom: Showroom, served: ServedModel | None, ask: Ask, behaviour: Behaviour | None) -> Iterator[Ranking]:
    """The chain, each link made only when the ones before leave places open."""
    for model in _models(served):
        history = behaviour.history(model.recommender.item_keys_N) if behaviour else History.empty()
        if len(history) or model.recommender.kind == "popularity":
            yield _in_order(rankings.by_model(model, history, ask, showroom.table), showroom, ask, behaviour)
    yield rankings.by_counts(ask, showroom.table)
    yield rankings.by_age(ask, showroom.table)


def _in_order(ranking: Ranking, showroom: Showroom, ask: Ask, behaviour: Behaviour | None) -> Ranking:
    """A personal ranking in the order of what the contact would do with each candidate, where a ranker is live."""
    served = serving.open_ranker(showroom) if behaviour is not None and ranking.is_personal else None
    if served is None or behaviour is None:
        return ranking
    return ranking_scores.reorder(ranking, served, behaviour, showroom.table, ask.now)


def _portrayed(ask: Ask, table: ItemTable) -> Iterator[Ranking]:
    """What to show somebody of whom no act on an item is known, by profile, habit and peers."""
    portrait = portraits.read(ask.who)
    words = hash_words(portrait.words)
    if words:
        yield rankings.by_words(words, ask, table)
    if portrait.habit:
        yield rankings.by_people(portrait.habit, portraits.popular_with_habit(portrait.habit), ask, table)
    if portrait.has_peers:
        yield rankings.by_people("peers", portraits.popular_with_peers(portrait), ask, table)


def _models(served: ServedModel | None) -> Iterator[ServedModel]:
    """The model in charge, then the simple ones trained last."""
    if served is not None:
        yield served
    for kind in ("item_knn", "popularity"):
        version = serving.newest(kind)
        model = serving.open_model(version) if version and (served is None or version.pk != served.version.pk) else None
        if model is not None:
            yield model


def _novelty(showroom: Showroom, served: ServedModel | None, ask: Ask, behaviour: Behaviour | None) -> Ranking:
    """New items: for a known contact those close to what the contact met, for others a changing choice."""
    table = showroom.table
    if behaviour is None:
        return rankings.by_novelty(ask, table)
    among = rankings.unknown_new_items(served, ask, table)
    likes_K = table.positions_of(behaviour.item_ids if len(among) else ())
    return replace(rankings.by_content(likes_K, among, ask, table), is_personal=True)


def _weave(main: list[Pick], new: list[Pick], *, every: int) -> list[Pick]:
    """A new item after `every` others; what is left over comes last."""
    woven: list[Pick] = []
    waiting = iter(new)
    for place, pick in enumerate(main, start=1):
        woven.append(pick)
        if place % every == 0:
            woven.extend(islice(waiting, 1))
    return [*woven, *waiting]


def _fallback(draft: Draft, showroom: Showroom, served: ServedModel | None) -> str:
    """Why the live model does not lead; empty when it does."""
    if showroom.live is None:
        return NO_MODEL
    if served is None:
        return MODEL_BROKEN
    if draft.picks and draft.picks[0].ranking.served is served:
        return ""
    return PROFILE_ONLY if any(pick.ranking.notes for pick in draft.picks) else NEW_CONTACT


def _neighbour_model(showroom: Showroom) -> ServedModel | None:
    """The live model when it knows neighbours, else the item-kNN trained last."""
    live = serving.open_model(showroom.live) if showroom.live else None
    if live is not None and live.item_knn is not None:
        return live
    version = serving.newest("item_knn")
    return serving.open_model(version) if version else None


def _finish(draft: Draft, ask: Ask, fallback: str, about: Item | None = None) -> Slate:
    """Look up what is shown of the items, drop those that left the catalogue meanwhile, and give reasons."""
    causes = find_causes(draft)
    item_ids = draft.table.ids_N[[pick.position for pick in draft.picks]].tolist()
    items = draft.table.items([*item_ids, *(act.item_id for act in causes.values())])
    grounds = Grounds(ask.now, items, causes, about)
    shown: list[SlateItem] = []
    for pick, item_id in zip(draft.picks, item_ids, strict=True):
        item = items.get(item_id)
        if item is not None and item.state == Item.State.ACTIVE:
            reason = grounds.reason_of(pick, item_id, draft.table.born_N[pick.position])
            match = pick.ranking.match(pick.score)
            expected = pick.ranking.expected.get(pick.position)
            shown.append(SlateItem(len(shown) + 1, item, pick.score, pick.ranking.source, reason, match, expected))
    leads = (pick.ranking.served.version for pick in draft.picks if pick.ranking.served)
    is_personal = any(pick.ranking.is_personal for pick in draft.picks)
    orders = (pick.ranking.ordered_by for pick in draft.picks if pick.ranking.ordered_by)
    return Slate(tuple(shown), is_personal, next(leads, None), fallback, next(orders, None))
