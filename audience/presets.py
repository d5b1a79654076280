"""The kinds of table an upload may be: which fields each has, how their text is typed, what the columns are called.

One explicit registry, `PRESETS`. A field's aliases are matched against headers by audience/columns.py.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class FieldType(StrEnum):
    """How the text of a column is read (audience/parsing.py)."""

    ID = "id"
    TEXT = "text"
    WORD = "word"  # a kind of action or of item
    TIME = "time"
    DAY = "day"  # a day number counted from the option `base_date`
    NUMBER = "number"
    SECONDS = "seconds"
    MONEY = "money"
    GENDER = "gender"
    AGE = "age"
    TAGS = "tags"
    FLAG = "flag"


@dataclass(frozen=True)
class Field:
    """A thing the product knows, which a column of the file may hold."""

    name: str
    type: FieldType
    label: str | Promise
    aliases: tuple[str, ...]
    is_required: bool = False
    unit: str = ""  # of the bare number, unless the header or the cell names another: s, ms, yuan or fen


@dataclass(frozen=True)
class Preset:
    """A kind of table. `writes` says what its rows become; `options` which settings matter for it."""

    name: str
    label: str | Promise
    summary: str | Promise
    writes: str  # events, contacts, items or engagement
    fields: tuple[Field, ...]
    options: tuple[str, ...] = ()
    keeps_extra: bool = False  # whether further columns may be kept as the brand's own fields

    def field(self, name: str) -> Field:
        """The field with this name; raises KeyError."""
        return next(field for field in self.fields if field.name == name)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the fields that must have a column."""
        return tuple(field.name for field in self.fields if field.is_required)


def _aliases(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_CONTACT = _aliases(
    "user_id user userid uid openid open_id unionid contact contact_id customer customer_id member member_id "
    "follower follower_id external_id student_id buyer_id visitor_id 用户 用户id 用户编号 用户标识 会员 "
    "会员id 会员编号 会员号 粉丝 粉丝id 客户 客户id 客户编号 买家 买家id 学员 学员id 学号 读者 访客 访客id"
)
_ITEM = _aliases(
    "item_id item itemid iid feedid feed_id article_id article product_id product sku sku_id goods_id goods "
    "course_id course video_id video content_id movie_id movie asin offer_id external_id 文章 文章id 文章编号 "
    "商品 商品id 商品编号 内容 内容id 课程 课程id 课程编号 视频 视频id 作品 作品id 物品 物品id 项目id 活动id "
    "编号"
)
_TIME = _aliases(
    "time timestamp ts datetime date event_time occurred_at created_at create_time action_time visit_time "
    "时间 日期 时间戳 发生时间 行为时间 操作时间 浏览时间 阅读时间 下单时间 创建时间 访问时间 日期时间"
)
_SECONDS = FieldType.SECONDS
_EVENT_OPTIONS = ("time_zone", "earliest", "unknown_items", "item_kind", "dwell_quantile")

EVENTS = Preset(
    name="events",
    label=_("Event log"),
    summary=_("One row per act: who, what, when. Ratings and orders are event logs too."),
    writes="events",
    fields=(
        Field("contact", FieldType.ID, _("Contact"), _CONTACT, is_required=True),
        Field("item", FieldType.ID, _("Item"), _ITEM),
        Field(
            "kind",
            FieldType.WORD,
            _("Kind of action"),
            _aliases(
                "action event event_type event_name behavior behaviour behavior_type behaviour_type "
                "action_type type kind 动作 行为 行为类型 操作 操作类型 事件 事件类型 类型 互动 互动类型"
            ),
        ),
        Field("occurred_at", FieldType.TIME, _("Time"), _TIME, is_required=True),
        Field(
            "dwell_seconds",
            _SECONDS,
            _("Dwell time"),
            _aliases(
                "dwell dwell_time dwell_seconds duration stay stay_time time_spent watch_time play_time "
                "read_time 停留时长 停留时间 阅读时长 浏览时长 观看时长 播放时长 学习时长 时长 停留"
            ),
            unit="s",
        ),
        Field(
            "amount_fen",
            FieldType.MONEY,
            _("Amount"),
            _aliases(
                "amount pay paid payment revenue total price spend gmv 金额 实付 实付金额 支付金额 订单金额 "
                "消费金额 付款金额 价格 总价"
            ),
            unit="yuan",
        ),
        Field(
            "value", FieldType.NUMBER, _("Value"), _aliases("rating score value stars 评分 打分 分数 星级 数值 评级")
        ),
        Field(
            "text",
            FieldType.TEXT,
            _("Text"),
            _aliases("text comment comment_text message review remark 评论 评论内容 内容 留言 评价 消息 备注 文本"),
        ),
        Field(
            "source_id",
            FieldType.ID,
            _("Id of the act"),
            _aliases(
                "event_id source_id log_id record_id row_id msg_id msgid id 事件id 行为id 记录id 流水号 日志id 消息id"
            ),
        ),
    ),
    options=(*_EVENT_OPTIONS, "max_events_per_minute", "default_kind"),
)

WECHAT_2021 = Preset(
    name="wechat2021",
    label=_("WeChat Big Data Challenge 2021"),
    summary=_("One row per contact, video and day with play and stay in milliseconds and a column per act."),
    writes="events",
    fields=(
        Field("contact", FieldType.ID, _("Contact"), ("userid",), is_required=True),
        Field("item", FieldType.ID, _("Item"), ("feedid",), is_required=True),
        Field("day", FieldType.DAY, _("Day number"), ("date_",), is_required=True),
        Field("play", _SECONDS, _("Played"), ("play",), unit="ms"),
        Field("stay", _SECONDS, _("Stayed"), ("stay",), unit="ms"),
        Field("read_comments", FieldType.FLAG, _("Read the comments"), ("read_comment",)),
        Field("like", FieldType.FLAG, _("Liked"), ("like",)),
        Field("click_avatar", FieldType.FLAG, _("Opened the author's page"), ("click_avatar",)),
        Field("share", FieldType.FLAG, _("Shared"), ("forward",)),
        Field("comment", FieldType.FLAG, _("Commented"), ("comment",)),
        Field("follow", FieldType.FLAG, _("Followed"), ("follow",)),
        Field("favourite", FieldType.FLAG, _("Added to favourites"), ("favorite", "favourite")),
        Field("device", FieldType.TEXT, _("Device"), ("device",)),
    ),
    options=(*_EVENT_OPTIONS, "base_date"),
)

ENGAGEMENT = Preset(
    name="engagement",
    label=_("Engagement table"),
    summary=_("One row per contact with totals and a label, such as weixin_data.csv."),
    writes="engagement",
    fields=(
        Field("contact", FieldType.ID, _("Contact"), _CONTACT),
        Field(
            "likes", FieldType.NUMBER, _("Likes"), _aliases("likes like num_likes like_count 点赞 点赞数 点赞次数 赞")
        ),
        Field(
            "transfers",
            FieldType.NUMBER,
            _("Shares"),
            _aliases(
                "transfers transfer shares share forwards forward share_count 转发 转发数 转发次数 分享 分享数 分享次数"
            ),
        ),
        Field(
            "comments",
            FieldType.NUMBER,
            _("Comments"),
            _aliases("comments comment num_comments comment_count 评论 评论数 评论次数 留言数"),
        ),
        Field(
            "time_spent",
            _SECONDS,
            _("Time spent"),
            _aliases(
                "time_spent timespent dwell dwell_time duration stay 停留时长 停留时间 浏览时长 浏览时间 "
                "阅读时长 在线时长"
            ),
            unit="s",
        ),
        Field(
            "label",
            FieldType.FLAG,
            _("Label"),
            _aliases("label converted conversion target y is_buyer purchased 标签 转化 是否转化 是否购买 购买 目标"),
        ),
    ),
    keeps_extra=True,
)

CONTACTS = Preset(
    name="contacts",
    label=_("Contact table"),
    summary=_("One row per follower, learner or customer with what you know about them."),
    writes="contacts",
    fields=(
        Field("external_id", FieldType.ID, _("Contact id"), _CONTACT, is_required=True),
        Field(
            "name",
            FieldType.TEXT,
            _("Name"),
            _aliases("name nickname nick_name 昵称 姓名 名称 名字 用户名 客户姓名 会员名"),
        ),
        Field("gender", FieldType.GENDER, _("Gender"), _aliases("gender sex 性别")),
        Field("age_band", FieldType.AGE, _("Age"), _aliases("age age_band age_group 年龄 年龄段 年龄层")),
        Field("region", FieldType.TEXT, _("Region"), _aliases("region province state 省 省份 地区 地域 区域")),
        Field("city", FieldType.TEXT, _("City"), _aliases("city 城市 市 所在城市")),
        Field("tags", FieldType.TAGS, _("Tags"), _aliases("tags tag labels 标签 用户标签 会员标签")),
        Field(
            "followed_at",
            FieldType.TIME,
            _("Followed at"),
            _aliases(
                "followed_at subscribe_time follow_time joined_at register_time created_at 关注时间 注册时间 "
                "加入时间 入会时间"
            ),
        ),
        Field("openid", FieldType.ID, "OpenID", _aliases("openid open_id 微信openid")),
        Field("unionid", FieldType.ID, "UnionID", _aliases("unionid union_id")),
        Field(
            "phone",
            FieldType.ID,
            _("Phone"),
            _aliases("phone mobile tel phone_number 手机 手机号 电话 联系电话 手机号码"),
        ),
    ),
    options=("time_zone", "account_ref"),
    keeps_extra=True,
)

ITEMS = Preset(
    name="items",
    label=_("Item table"),
    summary=_("One row per article, video, audio, product, course or offer."),
    writes="items",
    fields=(
        Field("external_id", FieldType.ID, _("Item id"), (*_ITEM, "id"), is_required=True),
        Field(
            "title",
            FieldType.TEXT,
            _("Title"),
            _aliases("title name item_name movie_title product_name 标题 名称 商品名称 课程名称 文章标题 题目 品名"),
        ),
        Field(
            "kind", FieldType.WORD, _("Kind of item"), _aliases("kind type item_type 类型 类别类型 内容类型 物品类型")
        ),
        Field(
            "text",
            FieldType.TEXT,
            _("Text"),
            _aliases("text description content body summary 描述 简介 正文 内容简介 摘要 详情"),
        ),
        Field("url", FieldType.TEXT, _("Address"), _aliases("url link href 链接 网址 地址")),
        Field(
            "category", FieldType.TEXT, _("Category"), _aliases("category cat class_name 分类 类目 品类 栏目 频道 类别")
        ),
        Field(
            "author",
            FieldType.TEXT,
            _("Author"),
            _aliases("author authorid author_id brand teacher 作者 作者id 品牌 讲师 老师 主讲"),
        ),
        Field(
            "tags",
            FieldType.TAGS,
            _("Tags"),
            _aliases("tags tag genres genre class keywords manual_tag_list 标签 关键词 题材"),
        ),
        Field("price_fen", FieldType.MONEY, _("Price"), _aliases("price amount 价格 售价 单价 现价"), unit="yuan"),
        Field(
            "duration_seconds",
            _SECONDS,
            _("Length"),
            _aliases("duration duration_seconds length videoplayseconds 时长 视频时长 长度 课时长"),
            unit="s",
        ),
        Field(
            "picture",
            FieldType.TEXT,
            _("Picture"),
            _aliases("picture image cover image_url cover_url 图片 封面 封面图 主图"),
        ),
        Field(
            "published_at",
            FieldType.TIME,
            _("Published at"),
            _aliases("published_at publish_time pub_date created_at 发布时间 上架时间 发表时间 发布日期"),
        ),
    ),
    options=("time_zone", "item_kind"),
    keeps_extra=True,
)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in (EVENTS, CONTACTS, ITEMS, ENGAGEMENT, WECHAT_2021)}
