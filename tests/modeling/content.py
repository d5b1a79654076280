"""A small brand's content: items of four subjects, remarks of three tones, pictures of two colours."""

import io
import zipfile

import numpy as np
from PIL import Image

SUBJECTS = {
    "护肤": ("面霜", "防晒", "敏感肌", "精华"),
    "咖啡": ("拿铁", "手冲", "咖啡豆", "磨豆机"),
    "健身": ("深蹲", "瑜伽垫", "跑步", "拉伸"),
    "亲子": ("绘本", "宝宝", "玩具", "故事"),
}


def item_rows(num=120, seed=0):
    """Item fields; every tenth has neither category nor tags."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(num):
        subject = list(SUBJECTS)[number % 4]
        words = rng.choice(SUBJECTS[subject], 3)
        is_bare = number % 10 == 9
        rows.append(
            {
                "external_id": f"i{number:03d}",
                "title": f"{words[0]}和{words[1]}的第{number}篇",
                "text": f"今天聊聊{words[2]}，还有{words[0]}。",
                "category": "" if is_bare else subject,
                "tags": [] if is_bare else [f"{subject}入门", words[0]],
            }
        )
    return rows


def remarks(num=40, seed=0):
    """(text, tone): no two texts are equal."""
    rng = np.random.default_rng(seed)
    parts = {
        "positive": ("很喜欢", "太棒了", "好用，推荐", "真的不错"),
        "negative": ("太差了", "质量很差，失望", "要退款", "客服敷衍，生气"),
        "neutral": ("请问怎么用？", "什么时候发货呢", "有多少克？", "哪里可以买"),
    }
    subjects = [word for words in SUBJECTS.values() for word in words]
    return [
        (f"{rng.choice(subjects)}{number}号{rng.choice(parts[tone])}", tone) for number in range(num) for tone in parts
    ]


def picture(colour, side=80, seed=0, format_="JPEG"):
    """A noisy square of one colour as a file's bytes."""
    noise = np.random.default_rng(seed).integers(-30, 30, (side, side, 3))
    pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format_)
    return buffer.getvalue()


def archive(files):
    """A ZIP of {name: bytes}, at its beginning."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    buffer.seek(0)
    return buffer
