"""What a brand puts into its pages and mini program, with its own key filled in."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from connectors.models import TrackingKey
from connectors.tracking import keys


@dataclass(frozen=True)
class Snippet:
    """Code for one kind of place."""

    id: str
    label: str
    hint: str
    code: str


def snippets(site: str, key: TrackingKey) -> list[Snippet]:
    """H5 page, mini program and server call; `site` is the address under which browsers reach us."""
    return [
        Snippet("h5", _("H5 page"), _("Put this before </head> of every page."), _h5(site, key)),
        Snippet(
            "mini",
            _("Mini program"),
            _("Save the file beside app.js, which begins so."),
            _mini(site, key),
        ),
        Snippet("curl", "curl", _("Try the collector from a terminal."), _curl(site, key)),
    ]


def _h5(site: str, key: TrackingKey) -> str:
    consent = ' data-consent="required"' if key.needs_consent else ""
    lines = [f'<script src="{site}/static/track/fanwise.js"', f'        data-key="{key.code}"{consent} async></script>']
    if key.needs_consent:
        lines += [
            "",
            "<script>",
            "  // when the person answers your question:",
            "  fanwise.consent(true);  // or false",
            "</script>",
        ]
    lines += [
        "",
        '<button data-fw="like" data-fw-item="article-1">Like</button>',
        '<video data-fw-media="video-1" src="…"></video>',
    ]
    return "\n".join(lines)


def _mini(site: str, key: TrackingKey) -> str:
    consent = ', consent: "required"' if key.needs_consent else ""
    return "\n".join([
        f"// {site}/static/track/fanwise-mini.js",
        'var fanwise = require("./fanwise-mini.js");',
        f'fanwise.init({{ server: "{site}", key: "{key.code}"{consent} }});',
        "",
        "// in a page's onLoad:",
        'fanwise.page({ item: "article-1", title: "…" });',
        "// after your server has minted a token for the signed-in person:",
        "fanwise.identify(token);",
    ])  # fmt: skip


def _curl(site: str, key: TrackingKey) -> str:
    place = next((place for place in key.places if "://" in place and "*" not in place), site)
    body = (
        '{"visitor": "try-me-0001", "consent": "granted", "events": [{"id": "1", "kind": "like", "item": "article-1"}]}'
    )
    return "\n".join([
        f"curl '{site}/collect/v1/events?key={key.code}' \\",
        f"  -H 'Origin: {place}' \\",
        f"  -d '{body}'",
    ])  # fmt: skip


def warnings(key: TrackingKey) -> list[str]:
    """What stands between this key and its first event."""
    found = []
    if not key.places:
        found.append(_("No place is listed yet, so only pages of this site can send. Add your H5 domain or AppID."))
    if any(keys.is_plain_http(place) for place in key.places):
        found.append(_("A listed place uses http: WeChat shows such pages with a warning. Use https."))
    return found
