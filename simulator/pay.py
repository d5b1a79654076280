"""The frame of WeChat Pay v3: HTTP status with code and message, requests and answers signed (fact sheet 9).

Signatures carry real time, not simulated time: the other side's clock is real.
"""

import json
import re
import secrets
import time
from typing import Any

from simulator.calls import Call, Response, json_response
from simulator.pay_keys import is_signed, sign
from simulator.pay_state import Merchant

SCHEME = "WECHATPAY2-SHA256-RSA2048"
MAX_SKEW_SECONDS = 300


class PayError(Exception):
    """The payment platform says no: `status` with code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(f"{status} {code}: {message}")


def answer_pay(call: Call) -> Response:
    """Checks the signature, answers, signs. Whoever cannot be made out gets an unsigned answer."""
    merchant = None
    try:
        merchant = check_request(call)
        value = call.endpoint.function(call, merchant)
        response = value if isinstance(value, Response) else json_response(value)
    except PayError as error:
        response = json_response({"code": error.code, "message": error.message}, error.status)
    if merchant is not None:
        wanted = call.request.headers.get("wechatpay-serial", "")
        response.headers |= signature_headers(merchant, response.body.decode(), wanted)
    response.headers["Request-ID"] = call.rid
    return response


def check_request(call: Call) -> Merchant:
    """The merchant that signed the request; raises PayError."""
    request = call.request
    if not request.headers.get("user-agent"):
        raise PayError(400, "PARAM_ERROR", "User-Agent is required")
    if not re.search(r"application/json|\*/\*", request.headers.get("accept", "")):
        raise PayError(400, "PARAM_ERROR", "Accept: application/json is required")
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    fields = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    merchant = call.world.state.merchants.get(fields.get("mchid", ""))
    if scheme != SCHEME or merchant is None or fields.get("serial_no") != merchant.serial_no:
        raise PayError(401, "SIGN_ERROR", "Authorization names no merchant certificate")
    stamp = fields.get("timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > MAX_SKEW_SECONDS:
        raise PayError(401, "SIGN_ERROR", "timestamp is too far from now")
    rest_of_lines = (stamp, fields.get("nonce_str", ""), request.body.decode())
    urls = {request.url, request.prefix + request.url}
    signature = fields.get("signature", "")
    if not any(is_signed(merchant.certificate, signature, request.method, url, *rest_of_lines) for url in urls):
        raise PayError(401, "SIGN_ERROR", "signature does not verify")
    return merchant


def signature_headers(
    merchant: Merchant, body: str, wanted: str = "", *, age_seconds: int = 0, is_probe: bool = False
) -> dict[str, str]:
    """The four headers of an answer or notification; `wanted` names the key that the caller can check."""
    stamp, nonce = str(int(time.time()) - age_seconds), secrets.token_hex(16)
    if wanted == merchant.public_key_id or merchant.signs_with == "public_key":
        serial, key = merchant.public_key_id, merchant.public_key_private
    else:
        chosen = next((one for one in merchant.platform_keys if one.serial == wanted), merchant.platform_keys[-1])
        serial, key = chosen.serial, chosen.private_key
    signature = sign(key, stamp, nonce, body)
    return {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": f"WECHATPAY/SIGNTEST/{signature}" if is_probe else signature,
        "Wechatpay-Serial": serial,
    }


def read_body(call: Call) -> dict[str, Any]:
    """The JSON body; PARAM_ERROR when it is none."""
    try:
        value = json.loads(call.request.body.decode())
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise PayError(400, "PARAM_ERROR", "the body is no JSON object")
    return value


def text_of(body: dict[str, Any], name: str, longest: int, *, is_needed: bool = True) -> str:
    """A text field within its limit."""
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > longest or (is_needed and not value):
        raise PayError(400, "PARAM_ERROR", f"{name} must be a text of up to {longest} characters")
    return value
