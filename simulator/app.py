"""From request to response: routing, faults, tokens, quotas, capabilities, the envelope, and the log of calls.

Every host of the platform is answered by this one process: the path decides. A path may begin with the host
(`/api.mch.weixin.qq.com/v3/…`) for clients that keep one base address per host.
"""

import importlib
import re

from simulator import access, control, faults, platform
from simulator.calls import Call, Request, Response, find_endpoint, json_response, page
from simulator.errors import Refusal
from simulator.faults import Fault
from simulator.pay import PayError, answer_pay
from simulator.world import World

HOST_PREFIX = re.compile(r"^/[a-z0-9.-]+\.(?:qq|wxaurl|weixin)\.(?:com|cn)(?=/)")
MAX_LOGGED_CHARACTERS = 4000
HTML = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"

platform.register_all()
for _name in ("messaging_control", "crowd_control", "control_page"):  # their controls need the areas
    importlib.import_module(f"simulator.{_name}")


class Simulator:
    """Answers requests about one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def answer(self, request: Request) -> Response:
        """The response; never raises for anything a caller may send."""
        if match := HOST_PREFIX.match(request.path):
            request.prefix, request.path = match.group(), request.path[match.end() :]
        if request.path == "/_control" or request.path.startswith("/_control/"):
            return control.answer(self.world, request)
        found = find_endpoint(request.method, request.path)
        if found is None:
            return self._answer_unknown(request)
        with self.world.lock:
            return self._answer_call(Call(self.world, request, *found))

    def _answer_unknown(self, request: Request) -> Response:
        other = "GET" if request.method == "POST" else "POST"
        if find_endpoint(other, request.path) is None:
            return page("<html><body><h1>404 Not Found</h1></body></html>", 404)
        errcode = 43001 if other == "GET" else 43002
        return json_response({"errcode": errcode, "errmsg": Refusal(errcode).errmsg})

    def _answer_call(self, call: Call) -> Response:
        app_id = access.identify(call)
        fault = faults.pick(self.world.state.faults, app_id, call.request.path, self.world.random)
        if fault is not None and fault.kind == "kill_token":
            access.kill_tokens(self.world, app_id)
            call.now, fault = self.world.now(), None
        if fault is not None and not fault.after and fault.kind != "slow":
            response = _spoil(call, fault)
        else:
            response = self._run(call)
            response = _spoil(call, fault, response) if fault is not None else response
        self._log(call, app_id, response)
        return response

    def _run(self, call: Call) -> Response:
        if call.endpoint.auth == "pay":
            return answer_pay(call)
        try:
            access.check(call)
            value = call.endpoint.function(call)
        except Refusal as refusal:
            return _refuse(call, refusal)
        except PayError as error:
            return json_response({"code": error.code, "message": error.message}, error.status)
        return value if isinstance(value, Response) else json_response(value)

    def _log(self, call: Call, app_id: str, response: Response) -> None:
        request = call.request
        self.world.log(
            "call",
            call.app_id or app_id,
            call.rid,
            method=request.method,
            path=request.path,
            url=_mask(request.url),
            request=_shorten(request.body),
            response="" if response.is_cut else _shorten(response.body),
            status=response.status,
            address=request.address,
            is_cut=response.is_cut,
        )


def _refuse(call: Call, refusal: Refusal) -> Response:
    if call.endpoint.auth == "page":
        return page(f"<html><body><h1>{refusal.errcode}</h1><p>{refusal.errmsg}</p></body></html>")
    return json_response({"errcode": refusal.errcode, "errmsg": f"{refusal.errmsg} rid: {call.rid}", **refusal.extra})


def _spoil(call: Call, fault: Fault, response: Response | None = None) -> Response:
    """What the caller gets instead of, or later than, the proper response."""
    match fault.kind:
        case "errcode" if call.endpoint.auth == "pay":
            return json_response({"code": "SYSTEM_ERROR", "message": "系统异常，请稍后重试"}, 500)
        case "errcode":
            detail = f"{fault.address or call.request.address}, not in whitelist" if fault.errcode == 40164 else ""
            return _refuse(call, Refusal(fault.errcode, detail))
        case "hang":
            return Response(delay_seconds=fault.seconds or 3600, is_cut=True)
        case "close":
            return Response(is_cut=True)
        case "html":
            return page(HTML, fault.status)
        case "broken_json":
            return Response(b'{"errcode":0,"errm')
        case "status":
            return Response(b"", fault.status, "text/plain")
        case _:
            assert response is not None
            response.delay_seconds = fault.seconds
            return response


def _shorten(body: bytes) -> str:
    try:
        text = body[:MAX_LOGGED_CHARACTERS].decode(errors="strict" if len(body) < MAX_LOGGED_CHARACTERS else "ignore")
    except UnicodeDecodeError:
        return f"<{len(body)} bytes>"
    return text if "\0" not in text else f"<{len(body)} bytes>"


def _mask(url: str) -> str:
    return re.sub(r"((?:access_token|secret|appsecret)=)[^&]+", r"\1***", url)
