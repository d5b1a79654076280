"""The crowd on the brand's own site: tracked links, pages with the tracker, orders; real HTTP, off the world's lock.

Speaks the public contracts a browser and a shop's server would: the collector, the event API. A full queue drops
visits: a crowd never waits for a slow site.
"""

import queue
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from simulator.crowd_state import BrandSettings
from simulator.tastes import topics_of

MAX_WAITING, MAX_TOKENS, MAX_ITEMS, TIMEOUT_SECONDS = 2000, 5000, 2000, 5.0
PAGE_SIZE = 100


@dataclass(frozen=True)
class Item:
    """Something on the brand's shelf."""

    external_id: str
    title: str
    kind: str
    price_fen: int
    topics: list[float]


@dataclass
class Visit:
    """One person's stay: perhaps through a link, then some events, then perhaps an order."""

    openid: str
    at: float  # simulated seconds
    link: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    order: Item | None = None


class BrandSite:
    """The way to one brand's site. `counts`: links, accepted, held, rejected, orders, failed, dropped."""

    def __init__(self, settings: BrandSettings) -> None:
        self.settings = settings
        self.items: list[Item] = []
        self.counts: dict[str, int] = {}
        self.last_error = ""
        self._is_stopping = False
        self._waiting: queue.Queue[Visit | None] = queue.Queue(MAX_WAITING)
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._client = httpx.Client(base_url=settings.url, timeout=TIMEOUT_SECONDS, trust_env=False)
        self._thread = threading.Thread(target=self._work, name="brand", daemon=True)
        self._thread.start()

    def add(self, visit: Visit | None) -> None:
        """Takes a visit, or drops it when too many wait."""
        try:
            self._waiting.put_nowait(visit)
        except queue.Full:
            self._count("dropped")

    def num_waiting(self) -> int:
        """Visits not made yet."""
        return self._waiting.unfinished_tasks

    def stop(self) -> None:
        """Ends the thread after the visit under way; what waits is not made. Does not wait for it."""
        self._is_stopping = True
        self.add(None)

    def _count(self, name: str, num: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + num

    def _work(self) -> None:
        self._try(self._load_items)
        while not self._is_stopping and (visit := self._waiting.get()) is not None:
            self._try(self._make, visit)
            self._waiting.task_done()
        self._client.close()

    def _try(self, function: Any, *arguments: Any) -> None:
        try:
            function(*arguments)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            self._count("failed")
            self.last_error = f"{type(error).__name__}: {error}"

    def _load_items(self) -> None:
        """The brand's active items, by its API."""
        path: str | None = f"/api/v1/items/?page_size={PAGE_SIZE}"
        while path and self.settings.api_key and len(self.items) < MAX_ITEMS:
            page = self._client.get(path, headers=self._server_headers()).raise_for_status().json()
            self.items += [_read_item(one) for one in page["results"]]
            path = page.get("next")

    def _make(self, visit: Visit) -> None:
        token = self._follow(visit.link) if visit.link else ""
        token = token or self._session_token(visit.openid)
        if visit.events and self.settings.key:
            self._collect(visit, token)
        if visit.order is not None and self.settings.api_key:
            self._order(visit, visit.order)

    def _follow(self, link: str) -> str:
        """Opens a link as the phone's browser does; the contact token its target carries."""
        answer = self._client.get(link, headers={"User-Agent": "Mozilla/5.0 (iPhone) MicroMessenger/8.0"})
        self._count("links")
        found = parse_qs(urlsplit(answer.headers.get("location", "")).query).get("fwt")
        return found[0] if found else ""

    def _session_token(self, openid: str) -> str:
        """What the shop's server gives someone who signed in through WeChat; empty without a server key."""
        if not self.settings.api_key:
            return ""
        if openid not in self._tokens:
            path = f"/api/v1/contacts/{self._contact(openid)}/token/"
            answer = self._client.post(path, json={"purpose": "session"}, headers=self._server_headers())
            if answer.status_code not in (200, 201):
                return ""  # not a contact yet
            self._tokens[openid] = str(answer.json()["token"])
            if len(self._tokens) > MAX_TOKENS:
                self._tokens.popitem(last=False)
        return self._tokens[openid]

    def _contact(self, openid: str) -> str:
        return self.settings.contacts.get(openid) or f"{self.settings.contact_prefix}{openid}"

    def _collect(self, visit: Visit, token: str) -> None:
        body: dict[str, Any] = {"visitor": visit.openid, "consent": "granted", "sent_at": int(visit.at * 1000)}
        body["events"] = [{"id": secrets.token_hex(8), "at": int(visit.at * 1000), **one} for one in visit.events]
        if token:
            body["token"] = token
        answer = self._client.post(
            "/collect/v1/events",
            params={"key": self.settings.key},
            json=body,
            headers={"Origin": self.settings.origin or self.settings.url},
        )
        result = answer.raise_for_status().json()
        if result.get("token") == "expired":
            self._tokens.pop(visit.openid, None)
        self._count("accepted", result["accepted"])
        self._count("held", result["held"])
        self._count("rejected", len(result["rejected"]))

    def _order(self, visit: Visit, item: Item) -> None:
        event = {
            "id": f"order-{secrets.token_hex(8)}",
            "contact": self._contact(visit.openid),
            "kind": "purchase",
            "item": item.external_id,
            "amount_fen": item.price_fen,
        }
        path = "/api/v1/events/"
        self._client.post(path, json={"events": [event]}, headers=self._server_headers()).raise_for_status()
        self._count("orders")

    def _server_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.api_key}"}


def _read_item(record: dict[str, Any]) -> Item:
    text = " ".join(
        [record["title"], record.get("text") or "", record.get("category") or "", *(record.get("tags") or [])]
    )
    return Item(record["external_id"], record["title"], record["kind"], record.get("price_fen") or 0, topics_of(text))
