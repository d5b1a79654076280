"""A pretrained encoder from a local directory: BERT sentence models and both towers of (Chinese-)CLIP.

Stage: features. Reads config.json, vocab.txt and model.safetensors as published; nothing else is opened, and weights in
any other form are refused, because those formats can run code. Shapes: N rows, D width, S side in pixels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from modeling.content.wordpiece import WordPiece
from modeling.errors import FileCorrupt
from modeling.histories import FloatArray
from modeling.nn.bert import Bert, BertConfig, mean_of_tokens
from modeling.nn.clip_vision import ClipVision, ClipVisionConfig

WEIGHTS_FILE = "model.safetensors"
MAX_TOKENS = 128
_ROWS_AT_ONCE = 32
_MEAN, _SPREAD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""What CLIP's pictures are normalised by."""


@dataclass(frozen=True)
class TextEncoder:
    """A loaded text encoder."""

    net: Bert
    projection: Tensor | None
    """Of the CLIP text tower, whose first token is the text; sentence models take the mean of all tokens."""
    tokens: WordPiece
    max_tokens: int

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """vectors_ND, batch by batch."""
        parts = [self._encode(texts[start : start + _ROWS_AT_ONCE]) for start in range(0, len(texts), _ROWS_AT_ONCE)]
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def _encode(self, texts: Sequence[str]) -> FloatArray:
        rows = [self.tokens.encode(text, self.max_tokens) for text in texts]
        tokens_BT = torch.full((len(rows), max(map(len, rows))), self.tokens.ids["[PAD]"])
        is_token_BT = torch.zeros_like(tokens_BT, dtype=torch.bool)
        for place, row in enumerate(rows):
            tokens_BT[place, : len(row)] = torch.tensor(row)
            is_token_BT[place, : len(row)] = True
        with torch.inference_mode():
            hidden_BTD = self.net(tokens_BT, is_token_BT)
            if self.projection is not None:
                return (hidden_BTD[:, 0] @ self.projection.T).numpy()
            return mean_of_tokens(hidden_BTD, is_token_BT).numpy()


@dataclass(frozen=True)
class PictureEncoder:
    """A loaded picture encoder."""

    net: ClipVision
    side: int

    def encode(self, pixels_NSSC: NDArray[np.uint8]) -> FloatArray:
        """vectors_ND of pictures of any one side, batch by batch."""
        parts = [
            self._encode(pixels_NSSC[start : start + _ROWS_AT_ONCE])
            for start in range(0, len(pixels_NSSC), _ROWS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def _encode(self, pixels_BSSC: NDArray[np.uint8]) -> FloatArray:
        pixels = torch.from_numpy(pixels_BSSC).permute(0, 3, 1, 2).float() / 255
        if pixels.shape[2] != self.side:
            pixels = nn.functional.interpolate(pixels, (self.side, self.side), mode="bicubic", antialias=True)
        mean, spread = (torch.tensor(values)[:, None, None] for values in (_MEAN, _SPREAD))
        with torch.inference_mode():
            vectors_BD: FloatArray = self.net((pixels - mean) / spread).numpy()
        return vectors_BD


def load_text_encoder(directory: Path) -> TextEncoder:
    """A BERT-like sentence model, or the text tower of a CLIP. Raises FileCorrupt."""
    config, weights = _open(directory)
    shape = config.get("text_config", config)
    net = Bert(_shape(BertConfig, shape))
    projection = weights.get("text_projection.weight")
    prefix = next(
        (one for one in ("text_model.", "bert.", "") if f"{one}embeddings.word_embeddings.weight" in weights), ""
    )
    _fill(net, weights, prefix)
    settings_file = directory / "tokenizer_config.json"
    is_lower = json.loads(settings_file.read_text()).get("do_lower_case", True) if settings_file.exists() else True
    tokens = WordPiece.load(_need(directory, "vocab.txt"), is_lower=bool(is_lower))
    longest = min(MAX_TOKENS, int(shape.get("max_position_embeddings", 512)))
    return TextEncoder(net.eval(), projection, tokens, longest)


def load_picture_encoder(directory: Path) -> PictureEncoder:
    """The vision tower of a CLIP. Raises FileCorrupt."""
    config, weights = _open(directory)
    shape = {"projection_dim": config.get("projection_dim", 512)} | config.get("vision_config", config)
    shape["projection_dim"] = config.get("projection_dim", shape["projection_dim"])
    made = _shape(ClipVisionConfig, shape)
    net = ClipVision(made)
    _fill(net, weights, "")
    return PictureEncoder(net.eval(), made.image_size)


def _open(directory: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not (directory / WEIGHTS_FILE).exists():
        raise FileCorrupt(
            "The encoder directory has no %(file)s. Weights in other formats can run code and are not opened; "
            "convert them to safetensors.",
            file=WEIGHTS_FILE,
        )
    try:
        config = json.loads(_need(directory, "config.json").read_text())
        weights = load_file(directory / WEIGHTS_FILE)
    except (SafetensorError, ValueError) as error:
        raise FileCorrupt("The encoder's files cannot be read. Copy them anew.") from error
    return config, {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}


def _need(directory: Path, name: str) -> Path:
    if not (directory / name).exists():
        raise FileCorrupt("The encoder directory has no %(file)s.", file=name)
    return directory / name


def _shape(kind: Any, values: dict[str, Any]) -> Any:
    known = {field.name for field in fields(kind)}
    try:
        return kind(**{name: value for name, value in values.items() if name in known})
    except TypeError as error:
        raise FileCorrupt("The encoder's config.json does not describe a network of this kind.") from error


def _fill(net: nn.Module, weights: dict[str, Tensor], prefix: str) -> None:
    """Every weight of the network must be there in its shape; further ones (poolers, the other tower) are left out."""
    wanted = net.state_dict()
    found = {name: weights[prefix + name] for name in wanted if prefix + name in weights}
    wrong = [name for name in wanted if name not in found or found[name].shape != wanted[name].shape]
    if wrong:
        raise FileCorrupt("The encoder's weights do not fit its config.json: %(name)s.", name=wrong[0])
    net.load_state_dict(found)
