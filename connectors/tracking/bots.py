"""Visits that no person made."""

import re
from collections.abc import Mapping

_CRAWLER = re.compile(
    r"bot\b|crawl|spider|slurp|facebookexternalhit|whatsapp|telegram|preview|bingpreview|lighthouse|monitor|pingdom|"
    r"curl/|wget/|python-|go-http-client|okhttp|java/|libwww|httpx",
    re.IGNORECASE,
)
_SEARCHER = re.compile(r"bot\b|crawl|spider|slurp|lighthouse|pingdom", re.IGNORECASE)


def is_crawler(user_agent: str) -> bool:
    """Whether a page was opened by a search engine; programs that send events on purpose are none."""
    return bool(_SEARCHER.search(user_agent))


def is_no_click(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request for a link comes from a crawler, a preview or a browser that loads ahead."""
    purpose = " ".join(headers.get(name, "") for name in ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz")).lower()
    user_agent = headers.get("User-Agent", "")
    is_ahead = "prefetch" in purpose or "preview" in purpose or "prerender" in purpose
    return method != "GET" or is_ahead or not user_agent or bool(_CRAWLER.search(user_agent))
