"""Pretrained encoders from a directory, with tiny random weights; pictures decoded safely."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from modeling.content import pictures
from modeling.content.encoders import load_picture_encoder, load_text_encoder
from modeling.content.wordpiece import WordPiece
from modeling.errors import FileCorrupt
from modeling.nn.bert import Bert, BertConfig
from modeling.nn.clip_vision import ClipVision, ClipVisionConfig
from tests.modeling.content import archive, picture

SHAPE = {
    "vocab_size": 12, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 24,
}  # fmt: skip
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "咖", "啡", "好", "co", "##ffe", "##e", "!", "un"]
EYE = {
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32,
    "patch_size": 8,
}  # fmt: skip


def write_text_encoder(directory, prefix="", projection=None):
    torch.manual_seed(0)
    net = Bert(BertConfig(**SHAPE)).eval()
    weights = {prefix + name: tensor.clone() for name, tensor in net.state_dict().items()}
    if projection is not None:
        weights["text_projection.weight"] = projection
    save_file(weights, directory / "model.safetensors")
    config = SHAPE if projection is None else {"text_config": SHAPE}
    (directory / "config.json").write_text(json.dumps(config))
    (directory / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", "utf-8")
    return net


def test_words_become_the_longest_known_pieces():
    tokens = WordPiece({piece: number for number, piece in enumerate(VOCABULARY)})
    assert tokens.encode("咖啡 Coffee!好x", 24) == [2, 4, 5, 7, 8, 9, 10, 6, 1, 3]
    assert tokens.encode("咖啡好", 4) == [2, 4, 5, 3]


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_a_sentence_model_gives_the_mean_of_its_tokens_whatever_stands_beside(tmp_path, prefix):
    net = write_text_encoder(tmp_path, prefix)
    encoder = load_text_encoder(tmp_path)
    alone, together = encoder.encode(["咖啡"]), encoder.encode(["咖啡", "coffee! 好 咖啡"])
    with torch.inference_mode():
        wanted = net(torch.tensor([[2, 4, 5, 3]]), torch.ones(1, 4, dtype=torch.bool)).mean(dim=1)
    np.testing.assert_allclose(alone, wanted.numpy(), atol=1e-6)
    np.testing.assert_allclose(together[:1], alone, atol=1e-5)


def test_the_text_tower_of_a_clip_projects_its_first_token(tmp_path):
    projection = torch.randn(8, 16, generator=torch.Generator().manual_seed(1))
    net = write_text_encoder(tmp_path, "text_model.", projection)
    with torch.inference_mode():
        wanted = net(torch.tensor([[2, 6, 3]]), torch.ones(1, 3, dtype=torch.bool))[:, 0] @ projection.T
    np.testing.assert_allclose(load_text_encoder(tmp_path).encode(["好"]), wanted.numpy(), atol=1e-6)


def test_our_bert_says_what_the_published_one_says(tmp_path):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertModel(transformers.BertConfig(**SHAPE), add_pooling_layer=False).eval()
    ours = Bert(BertConfig(**SHAPE)).eval()
    ours.load_state_dict({name: theirs.state_dict()[name] for name in ours.state_dict()})
    tokens = torch.tensor([[2, 4, 5, 3]])
    with torch.inference_mode():
        said = theirs(tokens, attention_mask=torch.ones_like(tokens)).last_hidden_state
        assert torch.allclose(ours(tokens, torch.ones_like(tokens, dtype=torch.bool)), said, atol=1e-5)


def test_only_whole_safetensors_that_fit_are_taken(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(FileCorrupt, match="safetensors"):
        load_text_encoder(tmp_path)
    write_text_encoder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(SHAPE | {"hidden_size": 32}))
    with pytest.raises(FileCorrupt, match="do not fit"):
        load_text_encoder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(FileCorrupt):
        load_text_encoder(tmp_path)


def test_the_picture_tower_gives_a_vector_per_picture_of_any_side(tmp_path):
    torch.manual_seed(0)
    net = ClipVision(ClipVisionConfig(**EYE, projection_dim=8))
    save_file(net.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"vision_config": EYE, "projection_dim": 8}))
    encoder = load_picture_encoder(tmp_path)
    squares = np.stack([pictures.decode(picture((200, 40, 40), seed=seed)) for seed in (0, 1)])
    vectors_ND = encoder.encode(squares)
    assert vectors_ND.shape == (2, 8)
    np.testing.assert_allclose(encoder.encode(squares[1:]), vectors_ND[1:], atol=1e-5)


def test_pictures_lose_everything_but_pixels():
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    Image.new("RGB", (200, 100), "red").save(file, "JPEG", exif=exif)
    pixels = pictures.decode(file.getvalue())
    assert pixels.shape == (64, 64, 3)
    assert b"Camera" not in pictures.encode(pixels)


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg></svg>", b"BM" + bytes(60), picture((1, 2, 3))[:700], bytes((8 << 20) + 1)],
    ids=["empty", "svg", "bmp", "truncated", "too many bytes"],
)  # fmt: skip
def test_other_files_are_refused(content):
    with pytest.raises(pictures.PictureUnreadable):
        pictures.decode(content)


def test_a_small_file_of_very_many_pixels_is_refused_before_it_is_decoded():
    file = io.BytesIO()
    Image.new("1", (6000, 5000)).save(file, "PNG")
    assert len(file.getvalue()) < 100_000
    with pytest.raises(pictures.PictureUnreadable, match="million pixels"):
        pictures.decode(file.getvalue())


def test_an_archive_gives_folders_as_labels_and_no_paths(monkeypatch):
    files = {
        "猫/a.jpg": b"1",
        "deep/狗/b.png": b"2",
        "../../etc/c.png": b"3",
        "猫/.d.jpg": b"4",
        "e.jpg": b"5",
        "猫/f.txt": b"",
    }
    assert list(pictures.read_archive(archive(files))) == [
        ("猫", "a.jpg", b"1"), ("狗", "b.png", b"2"), ("etc", "c.png", b"3"),
    ]  # fmt: skip
    monkeypatch.setattr(pictures, "MAX_ARCHIVE_BYTES", 2)
    with pytest.raises(pictures.ArchiveUnreadable, match="too large"):
        list(pictures.read_archive(archive(files)))
    with pytest.raises(pictures.ArchiveUnreadable):
        list(pictures.read_archive(io.BytesIO(b"PK no zip")))
    assert zipfile.is_zipfile(archive(files))
