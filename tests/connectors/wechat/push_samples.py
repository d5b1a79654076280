"""One push of every kind and variety, as WeChat words it, and what has to come out of it."""

from datetime import UTC, datetime
from typing import Any

from connectors.wechat import pushes

SECONDS = 1_760_000_000
AT = datetime.fromtimestamp(SECONDS, UTC)
HEAD: dict[str, Any] = {"ToUserName": "gh_1", "FromUserName": "oAnna", "CreateTime": SECONDS}


def message(kind: str, **fields: Any) -> dict[str, Any]:
    return HEAD | {"MsgType": kind, "MsgId": 2**62 + 1} | fields


def event(name: str, **fields: Any) -> dict[str, Any]:
    return HEAD | {"MsgType": "event", "Event": name} | fields


def notice(kind: str, **fields: Any) -> dict[str, Any]:
    return {"AppId": "wxPlatform", "CreateTime": SECONDS, "InfoType": kind} | fields


KINDS: list[tuple[type[pushes.Push], dict[str, Any], dict[str, Any]]] = [
    (pushes.TextMessage, message("text", Content="你好", bizmsgmenuid="7"), {"content": "你好", "menu_item_id": "7"}),
    (
        pushes.ImageMessage,
        message("image", PicUrl="http://p", MediaId="m"),
        {"picture_url": "http://p", "media_id": "m"},
    ),
    (
        pushes.VoiceMessage,
        message("voice", MediaId="m", Format="amr", MediaId16K="k", Recognition="喂"),
        {"media_id": "m", "format": "amr", "media_id_16k": "k", "recognition": "喂"},
    ),
    (
        pushes.VideoMessage,
        message("video", MediaId="m", ThumbMediaId="t"),
        {"kind": "video", "media_id": "m", "thumb_media_id": "t"},
    ),
    (
        pushes.VideoMessage,
        message("shortvideo", MediaId="m", ThumbMediaId="t"),
        {"kind": "shortvideo", "media_id": "m", "thumb_media_id": "t"},
    ),
    (
        pushes.LocationMessage,
        message("location", Location_X="23.134", Location_Y=113.358, Scale="20", Label="越秀"),
        {"latitude": 23.134, "longitude": 113.358, "scale": 20, "label": "越秀"},
    ),
    (
        pushes.LinkMessage,
        message("link", Title="t", Description="d", Url="http://u"),
        {"title": "t", "description": "d", "url": "http://u"},
    ),
    (
        pushes.MiniProgramCard,
        message("miniprogrampage", Title="t", AppId="wx2", PagePath="p?a=1", ThumbUrl="http://x", ThumbMediaId="th"),
        {"title": "t", "app_id": "wx2", "page_path": "p?a=1", "thumb_url": "http://x", "thumb_media_id": "th"},
    ),
    (pushes.Followed, event("subscribe", EventKey=""), {"scene": "", "ticket": ""}),
    (
        pushes.Followed,
        event("subscribe", EventKey="qrscene_shop-9", Ticket="TK"),
        {"scene": "shop-9", "ticket": "TK", "event_key": "qrscene_shop-9"},
    ),
    (pushes.Followed, event("subscribe", EventKey="last_trade_no_1"), {"scene": "", "event_key": "last_trade_no_1"}),
    (pushes.Unfollowed, event("unsubscribe", EventKey=""), {}),
    (pushes.Scanned, event("SCAN", EventKey=123, Ticket="TK"), {"scene": "123", "ticket": "TK"}),
    (
        pushes.LocationReported,
        event("LOCATION", Latitude=23.1, Longitude="113.3", Precision="119.385"),
        {"latitude": 23.1, "longitude": 113.3, "precision_metres": 119.385},
    ),
    (pushes.MenuClicked, event("CLICK", EventKey="SALE"), {"key": "SALE"}),
    (pushes.MenuLinkOpened, event("VIEW", EventKey="http://u", MenuId=5), {"url": "http://u", "menu_id": "5"}),
    (pushes.MenuMiniProgramOpened, event("view_miniprogram", EventKey="pages/a", MenuId="5"), {"page_path": "pages/a"}),
    (
        pushes.CodeScanned,
        event("scancode_waitmsg", EventKey="k", ScanCodeInfo={"ScanType": "qrcode", "ScanResult": "1"}),
        {"event": "scancode_waitmsg", "key": "k", "scan_type": "qrcode", "result": "1"},
    ),
    (
        pushes.PicturesChosen,
        event("pic_weixin", EventKey="k", SendPicsInfo={"Count": 1, "PicList": {"item": {"PicMd5Sum": "a"}}}),
        {"num_pictures": 1, "md5s": ("a",)},
    ),
    (
        pushes.PicturesChosen,
        event(
            "pic_sysphoto",
            EventKey="k",
            SendPicsInfo={"Count": 2, "PicList": {"item": [{"PicMd5Sum": "a"}, {"PicMd5Sum": "b"}]}},
        ),
        {"num_pictures": 2, "md5s": ("a", "b")},
    ),
    (
        pushes.PlaceChosen,
        event(
            "location_select",
            EventKey="k",
            SendLocationInfo={"Location_X": "1.5", "Location_Y": "2", "Scale": "16", "Label": "l", "Poiname": "p"},
        ),
        {"latitude": 1.5, "longitude": 2.0, "scale": 16, "label": "l", "place_name": "p"},
    ),
    (
        pushes.TemplateSent,
        event("TEMPLATESENDJOBFINISH", MsgID=200163836, Status="failed:user block"),
        {"job_id": "200163836", "status": "failed:user block", "is_delivered": False, "person": "oAnna"},
    ),
    (
        pushes.MassSent,
        event(
            "MASSSENDJOBFINISH",
            MsgID="1000001625",
            Status="err(30003)",
            TotalCount="100",
            FilterCount=80,
            SentCount=75,
            ErrorCount=5,
            CopyrightCheckResult={
                "Count": 1,
                "CheckState": 3,
                "ResultList": {
                    "item": {
                        "ArticleIdx": "1",
                        "UserDeclareState": 0,
                        "AuditState": 2,
                        "OriginalArticleUrl": "http://o",
                        "CanReprint": 1,
                    }
                },
            },
            ArticleUrlResult={
                "Count": 2,
                "ResultList": {
                    "item": [{"ArticleIdx": 1, "ArticleUrl": "http://1"}, {"ArticleIdx": 2, "ArticleUrl": "http://2"}]
                },
            },
        ),
        {
            "job_id": "1000001625",
            "is_sent": False,
            "error_number": "30003",
            "num_total": 100,
            "num_filtered": 80,
            "num_sent": 75,
            "num_failed": 5,
            "check_state": 3,
            "person": "",
            "checks": (pushes.ArticleCheck(1, "2", "http://o", True),),
            "articles": (pushes.ArticleAddress(1, "http://1"), pushes.ArticleAddress(2, "http://2")),
        },
    ),
    (
        pushes.Published,
        event(
            "PUBLISHJOBFINISH",
            PublishEventInfo={
                "publish_id": 2247503051,
                "publish_status": "0",
                "article_id": "b5O2",
                "article_detail": {"count": 1, "item": {"idx": 1, "article_url": "http://a"}},
            },
        ),
        {
            "job_id": "2247503051",
            "is_published": True,
            "article_id": "b5O2",
            "failed_indexes": (),
            "articles": (pushes.ArticleAddress(1, "http://a"),),
        },
    ),
    (
        pushes.Published,
        event("PUBLISHJOBFINISH", PublishEventInfo={"publish_id": "9", "publish_status": 2, "fail_idx": ["1", "2"]}),
        {"job_id": "9", "is_published": False, "articles": (), "failed_indexes": (1, 2)},
    ),
    (
        pushes.SubscriptionsChosen,
        event(
            "subscribe_msg_popup_event",
            SubscribeMsgPopupEvent={
                "List": [
                    {"TemplateId": "A", "SubscribeStatusString": "accept", "PopupScene": "2"},
                    {"TemplateId": "B", "SubscribeStatusString": "reject", "PopupScene": 2},
                ]
            },
        ),
        {"choices": (pushes.TemplateChoice("A", True, "2"), pushes.TemplateChoice("B", False, "2"))},
    ),
    (
        pushes.SubscriptionsChosen,
        event(
            "subscribe_msg_change_event",
            SubscribeMsgPopupEvent={"List": {"TemplateId": "A", "SubscribeStatusString": "reject"}},
        ),
        {"choices": (pushes.TemplateChoice("A", False),)},
    ),
    (
        pushes.SubscriptionSent,
        event(
            "subscribe_msg_sent_event",
            SubscribeMsgSentEvent={"List": {"TemplateId": "A", "MsgID": 17, "ErrorCode": 0, "ErrorStatus": "success"}},
        ),
        {"results": (pushes.NoticeResult("A", "17", "0", "success"),)},
    ),
    (
        pushes.ProfileCleaned,
        event("user_info_modified", OpenID="oBen", AppID="wx1", RevokeInfo="205"),
        {"person": "oBen", "sender": "oAnna", "revoke_info": "205", "app_id": "wx1"},
    ),
    (
        pushes.ConsentWithdrawn,
        event("user_authorization_revoke", OpenID="oBen", UnionID="u", AppID="wx1", RevokeInfo=201),
        {"person": "oBen", "union_id": "u", "revoke_info": "201"},
    ),
    (pushes.PersonGone, event("user_authorization_cancellation", OpenID="oBen", AppID="wx1"), {"person": "oBen"}),
    (pushes.ChatEntered, event("user_enter_tempsession", SessionFrom="page"), {"session_from": "page"}),
    (
        pushes.StaffChatChanged,
        event("kf_close_session", KfAccount="a@gh", CloseType="KF"),
        {"staff": "a@gh", "close_type": "KF"},
    ),
    (
        pushes.StaffChatChanged,
        event("kf_switch_session", FromKfAccount="a@gh", ToKfAccount="b@gh"),
        {"staff_before": "a@gh", "staff_after": "b@gh"},
    ),
    (
        pushes.VerificationChanged,
        event("qualification_verify_success", ExpiredTime=SECONDS),
        {"expires_at": AT, "person": ""},
    ),
    (
        pushes.VerificationChanged,
        event("naming_verify_fail", FailTime=str(SECONDS), FailReason="by time"),
        {"failed_at": AT, "reason": "by time", "expires_at": None},
    ),
    (
        pushes.MediaChecked,
        event(
            "wxa_media_check",
            appid="wx1",
            trace_id="t1",
            version=2,
            result={"suggest": "risky", "label": 20001},
            detail=[],
        ),
        {"trace_id": "t1", "suggest": "risky", "label": "20001"},
    ),
    (
        pushes.MiniProgramAudited,
        event("weapp_audit_fail", FailTime=SECONDS, Reason="r", ScreenShot="s"),
        {"failed_at": AT, "reason": "r", "screenshot": "s"},
    ),
    (
        pushes.TicketIssued,
        notice("component_verify_ticket", ComponentVerifyTicket="ticket@@@x"),
        {"ticket": "ticket@@@x"},
    ),
    (
        pushes.Authorised,
        notice(
            "updateauthorized",
            AuthorizerAppid="wx1",
            AuthorizationCode="c",
            AuthorizationCodeExpiredTime=SECONDS,
            PreAuthCode="p",
        ),
        {
            "app_id": "wx1",
            "auth_code": "c",
            "auth_code_expires_at": AT,
            "pre_auth_code": "p",
            "info_type": "updateauthorized",
        },
    ),
    (
        pushes.Unauthorised,
        notice("unauthorized", AuthorizerAppid="wx1"),
        {"app_id": "wx1", "component_app_id": "wxPlatform"},
    ),
    (pushes.Unknown, event("brand_new_thing", Foo={"Bar": "1"}), {"kind": "event", "event": "brand_new_thing"}),
    (pushes.Unknown, message("hologram"), {"kind": "hologram", "msg_id": str(2**62 + 1)}),
    (
        pushes.UnknownNotice,
        notice("notify_third_fasteregister", appid="x"),
        {"info_type": "notify_third_fasteregister"},
    ),
]
