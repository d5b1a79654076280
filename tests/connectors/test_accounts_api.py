"""The REST API of connected accounts, on the simulated platform over HTTP."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import jobs, keys
from accounts.models import AuditEntry, Job
from accounts.tenancy import tenant_scope
from audience.models import Contact, Identity
from connectors import publications
from connectors.clients import client_for
from connectors.models import ConnectedAccount, Conversation, MessageLog, PlatformTotal, QrCode, TrackedLink
from connectors.tracking import tallies
from connectors.wechat import drafts, materials
from connectors.wechat.articles import Article
from connectors.wechat.materials import MediaKind
from tests.connectors.test_menus import BODY, connected  # noqa: F401  # a fixture
from tests.connectors.wechat.contract.files import JPG

ROOT = "/api/v1/accounts/"


@pytest.fixture
def account(connected):  # noqa: F811  # the fixture of that name
    return connected()


@pytest.fixture
def post(api):
    """`post(address, body, key)` is a call with a JSON body."""

    def do(address, body=None, key=""):
        headers = {"Idempotency-Key": key} if key else {}
        return api.post(address, body or {}, content_type="application/json", headers=headers)

    return do


@pytest.fixture
def person(account, brand, platform):
    """A follower of the account who wrote a moment ago."""
    openid = platform.add_user(account.app_id)
    now = timezone.now()
    with tenant_scope(brand):
        contact = Contact.objects.create(external_id="u-1", name="小林")
        Identity.objects.create(
            contact=contact, kind="openid", account_ref=account.app_id, value=openid, followed_at=now
        )
        talk = Conversation.objects.create(
            account=account, openid=openid, contact=contact, openings={"message": now.isoformat()}
        )
        for direction, text, state in (("in", "有货吗", "received"), ("out", "有的", "sent")):
            MessageLog.objects.create(
                conversation=talk, direction=direction, kind="text", text=text, at=now, state=state,
                channel="customer_message" if direction == "out" else "",
            )  # fmt: skip
            now += timedelta(seconds=1)
    return contact


def audits(brand, verb):
    with tenant_scope(brand):
        return AuditEntry.objects.filter(verb=verb, actor__startswith="API key").count()


def test_an_account_is_connected_listed_and_told_what_to_enter(post, api, platform, settings, brand):
    settings.WECHAT_API_URL = platform.url
    remote = platform.add_account(kind="service", verified=True)
    body = {"app_id": remote.app_id, "app_secret": remote.secret, "name": "青禾", "kind": "subscription"}
    made = post(ROOT, body)
    assert made.status_code == 201
    answer = made.json()
    assert (answer["account"]["kind"], answer["account"]["is_verified"]) == ("service", True)
    assert answer["callback"]["url"].endswith(f"/hooks/wechat/{answer['account']['code']}/")
    assert (len(answer["callback"]["token"]), len(answer["callback"]["aes_key"])) == (32, 43)
    assert [one["app_id"] for one in api.get(ROOT).json()["results"]] == [remote.app_id]
    assert remote.secret not in api.get(ROOT).content.decode()
    assert post(ROOT, body).status_code == 409
    assert audits(brand, "connect") == 1


def test_a_wrong_secret_connects_nothing(post, platform, settings, brand):
    settings.WECHAT_API_URL = platform.url
    remote = platform.add_account(kind="service", verified=True)
    answer = post(ROOT, {"app_id": remote.app_id, "app_secret": "x" * 32, "name": "青禾", "kind": "service"})
    assert (answer.status_code, answer.json()["code"]) == (502, "wechat_40125")
    with tenant_scope(brand):
        assert not ConnectedAccount.objects.exists()


def test_health_tells_quotas_problems_and_capabilities(api, post, account, platform):
    platform.fail("errcode", errcode=45009, path="/cgi-bin/menu/create", remaining=1)
    refused = post(f"{ROOT}{account.code}/menu/", {"buttons": BODY})
    assert (refused.status_code, refused.json()["code"]) == (502, "wechat_45009")
    health = api.get(f"{ROOT}{account.code}/health/").json()
    assert (health["state"], health["token"]["is_valid"], health["num_following"]) == ("active", True, 0)
    assert [one["is_exhausted"] for one in health["quotas"] if one["path"] == "/cgi-bin/menu/create"] == [True]
    (problem,) = health["problems"]
    assert (problem["code"], problem["num_times"]) == ("45009", 1)
    assert problem["detail"]
    assert all(one["is_open"] for one in health["capabilities"])


def test_a_pass_is_started_watched_and_cancelled(api, post, account, brand, hints):
    address = f"{ROOT}{account.code}/syncs/"
    first = post(address, {"kind": "followers"}, key="k-1")
    assert (first.status_code, first.json()["job"]["state"]) == (202, "queued")
    again = post(address, {"kind": "followers"}, key="k-1")
    assert (again.json(), again.headers["Idempotent-Replay"]) == (first.json(), "true")
    assert post(address, {"kind": "followers"}, key="k-2").status_code == 409
    assert post(address, {"kind": "dance"}).status_code == 400
    one = f"{address}{first.json()['code']}/"
    assert api.get(one).json()["kind"] == "followers"
    assert post(f"{one}cancel/").json()["job"]["state"] == "cancelled"
    assert [run["code"] for run in api.get(address).json()["results"]] == [first.json()["code"]]


def test_followers_tell_when_they_came_and_left_and_their_tags(api, post, account, platform, work):
    here, gone = platform.add_user(account.app_id), platform.add_user(account.app_id)
    platform.follow(app_id=account.app_id, openid=here)
    post(f"{ROOT}{account.code}/syncs/", {"kind": "followers"})
    work()
    platform.unfollow(app_id=account.app_id, openid=gone)
    post(f"{ROOT}{account.code}/syncs/", {"kind": "followers"})
    work()
    found = api.get(f"{ROOT}{account.code}/followers/").json()["results"]
    assert {one["openid"]: one["is_following"] for one in found} == {here: True, gone: False}
    assert all(one["contact"] and one["told_at"] for one in found)


def test_a_repeated_call_makes_one_qr_code(api, post, account, platform, brand):
    address, body = f"{ROOT}{account.code}/qr_codes/", {"name": "静安店", "purpose": "shop", "tags": ["静安店"]}
    first = post(address, body, key="code-1")
    assert first.status_code == 201
    assert post(address, body, key="code-1").json() == first.json()
    assert post(address, {**body, "name": "别的"}, key="code-1").status_code == 409
    assert len(platform.calls("/cgi-bin/qrcode/create")) == 1
    one = f"{address}{first.json()['code']}/"
    assert api.get(one).json()["counts"]["num_people"] == 0
    picture = api.get(f"{one}picture/")
    assert (picture["Content-Type"], picture.content[:4]) == ("image/svg+xml", b"<svg")
    assert [row["name"] for row in api.get(address).json()["results"]] == ["静安店"]
    assert audits(brand, "create") == 1


def test_a_lost_answer_does_not_make_a_second_code(post, account, platform, brand):
    address, body = f"{ROOT}{account.code}/qr_codes/", {"name": "静安店"}
    platform.fail("close", path="/cgi-bin/qrcode/create", remaining=1, after=True)
    assert post(address, body, key="code-1").status_code == 502
    made = post(address, body, key="code-1")
    assert made.status_code == 201
    body = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": made.json()["scene"]}}}
    with tenant_scope(brand):
        again = client_for(account).call("POST", "/cgi-bin/qrcode/create", body=body)
        assert QrCode.objects.get().ticket == again["ticket"]


def test_a_menu_is_read_published_and_restored(api, post, account, brand):
    address = f"{ROOT}{account.code}/menu/"
    assert api.get(address).json() == {"buttons": []}
    first = post(address, {"buttons": BODY})
    assert (first.status_code, first.json()["number"]) == (201, 1)
    assert api.get(address).json() == {"buttons": BODY}
    post(address, {"buttons": BODY[:1]})
    restored = post(f"{address}versions/{first.json()['code']}/restore/")
    assert (restored.json()["number"], restored.json()["buttons"]) == (3, BODY)
    assert [one["number"] for one in api.get(f"{address}versions/").json()["results"]] == [3, 2, 1]
    assert (audits(brand, "publish_menu"), audits(brand, "restore_menu")) == (2, 1)


@pytest.mark.parametrize("buttons", [
    [], BODY * 2, [{"name": "x", "type": "view"}], [{"name": "x" * 17, "type": "click", "key": "k"}],
    [{"type": "click"}], [{"name": "x", "type": "click", "key": "k", "colour": "red"}],
])  # fmt: skip
def test_a_menu_wechat_would_refuse_costs_no_call(post, account, platform, buttons):
    answer = post(f"{ROOT}{account.code}/menu/", {"buttons": buttons})
    assert answer.status_code == 400
    assert platform.calls("/cgi-bin/menu/create") == []


def test_a_draft_is_listed_and_published(api, post, account, platform, brand):
    with tenant_scope(brand):
        client = client_for(account)
        cover = materials.upload_permanent(client, MediaKind.IMAGE, JPG).media_id
        media_id = drafts.add_draft(client, Article("春茶上新", "文", cover))
    (draft,) = api.get(f"{ROOT}{account.code}/drafts/").json()["results"]
    assert (draft["media_id"], draft["articles"][0]["title"]) == (media_id, "春茶上新")
    address = f"{ROOT}{account.code}/publications/"
    made = post(address, {"media_id": media_id, "title": "春茶上新"})
    assert (made.status_code, made.json()["state"]) == (202, "waiting")
    assert post(address, {"media_id": media_id}).status_code == 409
    with tenant_scope(brand):
        job = Job.objects.get(task=publications.TASK)
    jobs.run(brand.pk, job.pk, publications.work)
    assert api.get(f"{address}{made.json()['code']}/").json()["state"] == "running"
    assert len(api.get(address).json()["results"]) == 1


def test_totals_are_asked_by_report_and_day(api, account, brand):
    with tenant_scope(brand):
        for day in range(1, 5):
            PlatformTotal.objects.create(
                account=account, report="followers" if day < 4 else "pushes", day=date(2026, 11, day),
                measures={"num_followers": day}, fetched_at=timezone.now(),
            )  # fmt: skip
    asked = {"report": "followers", "first_day": "2026-11-02", "last_day": "2026-11-04"}
    found = api.get(f"{ROOT}{account.code}/totals/", asked).json()["results"]
    assert [(one["day"], one["measures"]) for one in found] == [
        ("2026-11-03", {"num_followers": 3}), ("2026-11-02", {"num_followers": 2}),
    ]  # fmt: skip
    assert api.get(f"{ROOT}{account.code}/totals/", {"first_day": "soon"}).status_code == 400


def test_messages_and_ways_of_a_contact(api, account, person):
    found = api.get("/api/v1/contacts/u-1/messages/").json()["results"]
    assert [(one["direction"], one["text"], one["account"]) for one in found] == [
        ("out", "有的", account.code), ("in", "有货吗", account.code),
    ]  # fmt: skip
    assert api.get("/api/v1/contacts/u-1/messages/?account=nope").status_code == 404
    (ways,) = api.get("/api/v1/contacts/u-1/routes/").json()
    chat = next(one for one in ways["routes"] if one["channel"] == "customer_message")
    assert (ways["account"], chat["is_open"], chat["reason"], chat["detail"]) == (account.code, True, None, "")

    assert api.get("/api/v1/contacts/nobody/routes/").status_code == 404


def test_closed_ways_say_why(api, account, person, brand):
    with tenant_scope(brand):
        Identity.objects.update(unfollowed_at=timezone.now() + timedelta(minutes=1))
    (ways,) = api.get("/api/v1/contacts/u-1/routes/").json()
    assert {one["reason"] for one in ways["routes"]} == {"not_following"}
    assert all(one["detail"] and not one["is_open"] for one in ways["routes"])


def test_a_link_is_made_once_and_counted(api, post, brand):
    body = {"name": "海报", "target": "https://h5.example.com/tea", "channel": "poster"}
    first = post("/api/v1/links/", body, key="link-1")
    assert first.status_code == 201
    assert first.json()["address"] == f"http://testserver/t/{first.json()['code']}/"
    assert post("/api/v1/links/", body, key="link-1").json() == first.json()
    with tenant_scope(brand):
        assert TrackedLink.objects.count() == 1
        tallies.add(f"link:{first.json()['code']}", {"clicks": 3, "named": 1})
    one = api.get(f"/api/v1/links/{first.json()['code']}/").json()
    assert one["counts"] == {"clicks": 3, "named": 1, "bots": 0, "repeats": 0}
    refused = post("/api/v1/links/", {**body, "item": "nope"})
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["item"])


@pytest.mark.parametrize(("scope", "method", "path", "status"), [
    ("accounts:read", "get", "accounts/", 200),
    ("accounts:read", "post", "accounts/", 403),
    ("accounts:write", "post", "accounts/", 403),
    ("accounts:write", "get", "links/", 403),
    ("links:read", "post", "links/", 403),
    ("contacts:read", "get", "contacts/u-1/messages/", 403),
    ("messages:read", "get", "contacts/u-1/messages/", 200),
])  # fmt: skip
def test_a_key_may_do_what_its_scopes_say(brand, by, person, scope, method, path, status):
    with tenant_scope(brand):
        _key, secret = keys.create(brand, "narrow", [scope], by)
    client = Client(headers={"authorization": f"Bearer {secret}"})
    assert getattr(client, method)(f"/api/v1/{path}").status_code == status


def test_a_read_key_changes_no_menu(brand, by, account, platform):
    with tenant_scope(brand):
        _key, secret = keys.create(brand, "narrow", ["accounts:read"], by)
    client = Client(headers={"authorization": f"Bearer {secret}"})
    answer = client.post(f"{ROOT}{account.code}/menu/", {"buttons": BODY}, content_type="application/json")
    assert answer.status_code == 403
    assert platform.calls("/cgi-bin/menu/create") == []
