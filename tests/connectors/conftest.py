"""A connected account and the pushes WeChat would send it."""

import json
import secrets
import time
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.tenancy import tenant_scope
from connectors import authorisations, receiving
from connectors.models import CallbackAddress, ConnectedAccount, PushReceipt
from connectors.secrets import seal
from connectors.wechat.crypto import encrypt, sign
from connectors.wechat.documents import write_xml

APP_ID, APP_SECRET = "wx00000000000000a1", "s3cretOfTheAccountWith32letters0"
TOKEN, AES_KEY = "tokenOfTheCallback", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
ORIGINAL_ID, OPENID = "gh_qinghe", "oQH0000000000000000000000001"


@pytest.fixture(autouse=True)
def hints(monkeypatch):
    """What the workers were told; no broker hears of it, and no door is remembered from another test."""
    told = []
    receiving._doors.clear()
    receiving._hinted.clear()
    authorisations._doors.clear()
    monkeypatch.setattr(receiving.current_app, "send_task", lambda name, args, **_: told.append((name, *args)))
    return told


@pytest.fixture
def account(brand):
    """A verified service account of the brand, with a callback address."""
    with tenant_scope(brand):
        made = ConnectedAccount(app_id=APP_ID, name="青禾服务号", kind="service", is_verified=True)
        made.original_id = ORIGINAL_ID
        for field, text in (("app_secret", APP_SECRET), ("callback_token", TOKEN), ("aes_key", AES_KEY)):
            seal(made, field, text)
        made.save()
    CallbackAddress.objects.create(code=made.code, tenant=brand, account_id=made.pk, app_id=APP_ID)
    return made


def message(content="你好", msg_id="1001", at=None, **fields):
    """A text message as a document."""
    head = {"ToUserName": ORIGINAL_ID, "FromUserName": OPENID, "CreateTime": int(at or time.time())}
    return head | {"MsgType": "text", "Content": content, "MsgId": msg_id} | fields


def event(name, at=None, openid=OPENID, **fields):
    """An event as a document."""
    head = {"ToUserName": ORIGINAL_ID, "FromUserName": openid, "CreateTime": int(at or time.time())}
    return head | {"MsgType": "event", "Event": name} | fields


class Sender:
    """WeChat's side of one callback address."""

    def __init__(self, account):
        self.account, self.client = account, Client()
        self.token, self.aes_key, self.app_id = TOKEN, AES_KEY, APP_ID
        self.mode, self.format = "safe", "xml"

    def write(self, document):
        return write_xml(document) if self.format == "xml" else json.dumps(document, ensure_ascii=False).encode()

    def request(self, document, *, timestamp=None):
        """(query, body) of a push in the sender's mode and format."""
        stamp, nonce = str(int(timestamp or time.time())), secrets.token_hex(5)
        body = document if isinstance(document, bytes) else self.write(document)
        query = {"signature": sign(self.token, stamp, nonce), "timestamp": stamp, "nonce": nonce}
        if self.mode == "plain":
            return query, body
        sealed = encrypt(body, self.aes_key, self.app_id)
        query |= {"encrypt_type": "aes", "msg_signature": sign(self.token, stamp, nonce, sealed)}
        envelope = (document if self.mode == "compatible" else {"ToUserName": ORIGINAL_ID}) | {"Encrypt": sealed}
        return query, self.write(envelope)

    def send(self, document, **options):
        return self.post(*self.request(document, **options))

    def post(self, query, body):
        address = f"/hooks/wechat/{self.account.code}/?{urlencode(query)}"
        return self.client.post(address, body, content_type="text/xml")


@pytest.fixture
def sender(account):
    """Sends pushes to the account's callback address."""
    return Sender(account)


@pytest.fixture
def kept(account, brand):
    """`kept()` is every push kept for the account, oldest first."""

    def read():
        with tenant_scope(brand):
            return list(PushReceipt.objects.filter(account=account).order_by("pk"))

    return read
