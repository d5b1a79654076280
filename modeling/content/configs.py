"""How content models are fitted; imports no torch, so pages may read it."""

from __future__ import annotations

from dataclasses import dataclass, field

from modeling.configs import JsonConfig
from modeling.errors import ConfigInvalid

TEXT_FAMILIES = ("text_cnn", "text_transformer")


@dataclass(frozen=True)
class NetTrainerConfig(JsonConfig):
    """How a network is fitted."""

    max_epochs: int = 30
    """Passes over the teaching rows at most; the best on validation rows is kept."""
    patience: int = 6
    """Stop after this many epochs without a lower validation loss."""
    batch_rows: int = 32
    """Rows per step."""
    learning_rate: float = 8e-3
    """AdamW's step."""
    weight_decay: float = 1e-2
    """Decoupled L2 shrinkage."""
    num_threads: int = 1
    """CPU threads."""
    seed: int = 0
    """Start of every random stream."""


@dataclass(frozen=True)
class ContentConfig(JsonConfig):
    """One fit of a content model."""

    families: tuple[str, ...] = TEXT_FAMILIES
    """Networks to compare with the simple models."""
    vocabulary_size: int = 8_192
    """Token ids V, buckets included."""
    max_tokens: int = 96
    """Tokens T read of each text."""
    width: int = 64
    """Width D of a row's vector."""
    trainer: NetTrainerConfig = field(default_factory=NetTrainerConfig)
    """How networks are fitted."""

    @classmethod
    def preset(cls, name: str) -> ContentConfig:
        """ "quick", "standard" or "debug" (tests)."""
        if name not in PRESETS:
            raise ConfigInvalid("Unknown preset %(preset)s.", preset=name)
        return PRESETS[name]


PRESETS = {
    "quick": ContentConfig(families=("text_cnn",), trainer=NetTrainerConfig(max_epochs=20, patience=4)),
    "standard": ContentConfig(),
    "debug": ContentConfig(vocabulary_size=512, max_tokens=24, width=16, trainer=NetTrainerConfig(max_epochs=4)),
}
