"""The words that files use for kinds of action and kinds of item, in Chinese and English."""

import unicodedata

from audience.kinds import KIND_BY_WORD, EventKind

_KINDS: dict[EventKind, str] = {
    EventKind.VIEW: "view views viewed browse browsed visit pv pageview page_view 浏览 查看 访问 打开 进店",
    EventKind.READ: "read reading dwell 阅读 停留 读 已读 看完 读完",
    EventKind.PLAY: "play played watch watched listen 播放 观看 收听 听 看视频",
    EventKind.LIKE: "like likes liked thumbs_up upvote 点赞 赞 喜欢 在看 好看",
    EventKind.SHARE: "share shares shared transfer transfers forward forwarded repost 转发 分享 转载 分享朋友圈",
    EventKind.COMMENT: "comment comments commented reply review 评论 留言 回复 评价",
    EventKind.FAVOURITE: "favourite favorite fav collect collected bookmark save wishlist 收藏 加收藏 想要 心愿单",
    EventKind.FOLLOW: "follow followed subscribe subscribed 关注 订阅 新关注",
    EventKind.UNFOLLOW: "unfollow unfollowed unsubscribe 取关 取消关注 退订",
    EventKind.CLICK: "click clicked clk tap 点击 点开 点击菜单",
    EventKind.ADD_TO_CART: "add_to_cart cart addcart add_cart addtocart 加购 加购物车 加入购物车 加车",
    EventKind.PURCHASE: "purchase purchased buy bought order ordered pay paid 购买 下单 支付 付款 成交 已购",
    EventKind.REFUND: "refund refunded return returned 退款 退货",
    EventKind.ENROL: "enrol enroll enrolled enrolment enrollment sign_up signup register 报名 选课 加入课程 参加",
    EventKind.LESSON_COMPLETE: "lesson_complete lesson_completed finished 学完 学完一课 完成课时 完成学习",
    EventKind.COURSE_COMPLETE: "course_complete course_completed graduate 完课 结课 结业 学完课程",
    EventKind.MESSAGE_IN: "message_in message msg inbound 发消息 咨询 来信 私信 提问",
    EventKind.MESSAGE_OUT: "message_out outbound push 推送 群发 回信 下发消息",
    EventKind.SCAN: "scan scanned scan_qr 扫码 扫一扫 扫描二维码",
    EventKind.READ_COMMENTS: "read_comments read_comment 看评论 查看评论",
    EventKind.CLICK_AVATAR: "click_avatar avatar 点头像 查看头像 进主页",
    EventKind.RATE: "rate rated rating 评分 打分 评星",
    EventKind.IMPRESSION: "impression impressions exposure exposed show 曝光 展示 展现",
    EventKind.CUSTOM: "custom custom_event 自定义 自定义事件",
}
_ITEMS: dict[str, str] = {
    "article": "article articles post news 文章 图文 推文 资讯 博文",
    "video": "video videos movie film clip 视频 短视频 影片 电影",
    "audio": "audio podcast music song 音频 播客 音乐 电台 有声",
    "product": "product products goods sku item 商品 产品 货品 单品",
    "course": "course courses class lesson training 课程 课 训练营 公开课",
    "offer": "offer coupon promotion activity campaign 优惠 优惠券 活动 促销 福利",
}


def normal_word(word: str) -> str:
    """A word as it is looked up: half-width, lower case, without blanks at the ends, hyphens and blanks as `_`."""
    return unicodedata.normalize("NFKC", word).strip().lower().replace(" ", "_").replace("-", "_")


KIND_WORDS: dict[str, EventKind] = KIND_BY_WORD | {
    word: kind for kind, words in _KINDS.items() for word in words.split()
}
ITEM_WORDS: dict[str, str] = {word: kind for kind, words in _ITEMS.items() for word in words.split()}
