"""The frame of WeChat Pay v3: HTTP status with code and message, requests and answers signed (fact sheet 9)."""

from typing import Any

from simulator.calls import Call, Response, json_response


class PayError(Exception):
    """The payment platform says no: `status` with code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(f"{status} {code}: {message}")


def answer_pay(call: Call) -> Response:
    """Checks the signature, answers, signs."""
    value: Any = call.endpoint.function(call)
    return value if isinstance(value, Response) else json_response(value)
