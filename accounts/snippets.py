"""Ready-to-run calls for a new API key, in curl, Python and JavaScript."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

_EVENT = {"id": "like-1001", "contact": "follower-1001", "kind": "like", "item": "article-1"}


@dataclass(frozen=True)
class Call:
    """One request; `body` None makes it a GET."""

    path: str
    body: dict[str, Any] | None = None


CALLS = {
    "events:write": Call("/events/", {"events": [_EVENT]}),
    "recommendations:read": Call("/contacts/follower-1001/recommendations/?num_items=5"),
    "profiles:read": Call("/contacts/follower-1001/profile/"),
    "contacts:write": Call("/contacts/", {"external_id": "follower-1001", "name": "林欣", "tags": ["新粉"]}),
    "items:write": Call("/items/", {"external_id": "article-1", "kind": "article", "title": "春茶怎么选"}),
    "contacts:read": Call("/contacts/"),
    "items:read": Call("/items/"),
    "models:read": Call("/versions/"),
    "imports:read": Call("/imports/"),
    "segments:read": Call("/segments/"),
}
"""The call that shows a scope best; the two most telling ones of a key are printed."""


@dataclass(frozen=True)
class Snippet:
    """Code in one language."""

    id: str
    label: str
    code: str


def snippets(api_root: str, secret: str, scopes: Collection[str]) -> list[Snippet]:
    """The key's first calls; empty when none of its scopes has an example."""
    calls = [call for scope, call in CALLS.items() if scope in scopes][:2]
    if not calls:
        return []
    return [
        Snippet("curl", "curl", "\n\n".join(_curl(api_root, secret, call) for call in calls)),
        Snippet("python", "Python", _python(api_root, secret, calls)),
        Snippet("javascript", "JavaScript", _javascript(api_root, secret, calls)),
    ]


def _json(body: dict[str, Any], indent: int | None = None) -> str:
    return json.dumps(body, ensure_ascii=False, indent=indent)


def _curl(api_root: str, secret: str, call: Call) -> str:
    lines = [f"curl '{api_root}{call.path}'", f"  -H 'Authorization: Bearer {secret}'"]
    if call.body is not None:
        lines += ["  -H 'Content-Type: application/json'", f"  -d '{_json(call.body)}'"]
    return " \\\n".join(lines)


def _python(api_root: str, secret: str, calls: list[Call]) -> str:
    lines = ["import requests", "", "api = requests.Session()", f'api.headers["Authorization"] = "Bearer {secret}"', ""]
    for call in calls:
        if call.body is None:
            lines.append(f'answer = api.get("{api_root}{call.path}")')
        else:
            lines.append(f'answer = api.post("{api_root}{call.path}", json={_json(call.body)})')
        lines += ["answer.raise_for_status()", "print(answer.json())"]
    return "\n".join(lines)


def _javascript(api_root: str, secret: str, calls: list[Call]) -> str:
    lines = [
        "// On your server: the key must not reach the browser.",
        f'const headers = {{ Authorization: "Bearer {secret}", "Content-Type": "application/json" }};',
    ]
    for call in calls:
        options = (
            "{ headers }"
            if call.body is None
            else f'{{ method: "POST", headers, body: JSON.stringify({_json(call.body)}) }}'
        )
        lines += ["", f'console.log(await (await fetch("{api_root}{call.path}", {options})).json());']
    return "\n".join(lines)
