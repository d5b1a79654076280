"""Content checks of mini programs, and the console's automatic replies (fact sheet 5.3, 6.5)."""

import secrets
from typing import Any

from simulator.calls import OK, Call, Need, endpoint
from simulator.errors import Refusal

MAX_CONTENT = 2500
SCENES = (1, 2, 3, 4)
# What a text must hold to be judged so; a stand-in for the platform's own, unknown judgement.
RISKY, DOUBTFUL = "违规", "疑似"


@endpoint("POST", "/wxa/msg_sec_check", need=Need.MINI, permission_sets=(18,))
def check_text(call: Call) -> dict[str, Any]:
    """pass, review or risky for a text of a visitor."""
    body = call.body
    content = body.get("content")
    if body.get("version") != 2 or body.get("scene") not in SCENES or not isinstance(content, str):
        raise Refusal(40097)
    if not content or len(content) > MAX_CONTENT:
        raise Refusal(45002 if content else 44004)
    call.user(body.get("openid"))
    suggest, label = (
        ("risky", 20001) if RISKY in content else ("review", 20001) if DOUBTFUL in content else ("pass", 100)
    )
    verdict = {"strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label, "prob": 90}
    result = {"suggest": suggest, "label": label}
    return {**OK, "trace_id": secrets.token_hex(16), "result": result, "detail": [verdict]}


@endpoint("GET", "/cgi-bin/get_current_autoreply_info", need=Need.MENU, permission_sets=(1,))
def get_automatic_replies(call: Call) -> dict[str, Any]:
    """The rules set in the console: the simulated console has them switched off."""
    return {"is_add_friend_reply_open": 0, "is_autoreply_open": 0}
