"""Configuration of a ranking training run, with presets; imports no torch, so pages may read it."""

from __future__ import annotations

from dataclasses import dataclass, field

from modeling.configs import JsonConfig
from modeling.errors import ConfigInvalid

FAMILIES = ("shared_bottom", "din", "mmoe", "ple")
"""shared_bottom: the mean of the history, one body for all acts. din: target attention over the history. mmoe and ple:
target attention, crossed features and experts that acts share in their own proportions."""
ATTENTIVE = ("din", "mmoe", "ple")
CROSSING = ("mmoe", "ple")


@dataclass(frozen=True)
class RankingNetConfig(JsonConfig):
    """Shape of the networks; what a family has no use for does not count."""

    width: int = 16
    """Numbers that describe an item."""
    history_length: int = 30
    """Newest events of a contact that are read."""
    attention_hidden: int = 16
    """Units that weigh one event against the item shown."""
    num_crosses: int = 2
    """Layers that multiply features with one another (DCN-v2, low rank)."""
    cross_rank: int = 16
    """Rank of their matrices."""
    num_experts: int = 4
    """Experts that all acts share."""
    num_own_experts: int = 1
    """Experts of each act alone (ple)."""
    num_levels: int = 1
    """Levels of experts (ple)."""
    expert_hidden: int = 48
    """Units of the first layer of an expert."""
    expert_width: int = 24
    """Units of its second layer."""
    tower_hidden: int = 16
    """Units of each act's own layer."""
    dropout: float = 0.1
    """Share of the experts' units dropped in training."""
    unknown_share: float = 0.1
    """Share of items whose own numbers are hidden in training, so that new items can be judged by their facts."""


@dataclass(frozen=True)
class RankingTrainerConfig(JsonConfig):
    """How a network is fitted."""

    max_epochs: int = 6
    """Passes over the training exposures at most."""
    batch_rows: int = 512
    """Exposures per optimiser step."""
    learning_rate: float = 0.003
    """AdamW learning rate; falls to nothing along a cosine."""
    weight_decay: float = 0.01
    """Decoupled weight decay."""
    patience: int = 2
    """Stop after this many epochs without a better validation result."""
    pairwise_weight: float = 0.3
    """Weight of the term that compares exposures of one contact with and without an act."""
    dwell_weight: float = 0.3
    """Weight of the error of the stay's place in its bucket."""
    num_threads: int = 1
    """CPU threads."""
    seed: int = 0
    """Start of every random stream."""


@dataclass(frozen=True)
class RankingTreesConfig(JsonConfig):
    """The gradient-boosted trees beside the networks, one forest per act."""

    max_iter: int = 100
    """Trees at most."""
    learning_rate: float = 0.08
    """Share of each tree's answer that counts."""
    max_leaf_nodes: int = 15
    """Leaves per tree."""


@dataclass(frozen=True)
class RankingConfig(JsonConfig):
    """One ranking training run."""

    families: tuple[str, ...] = FAMILIES
    """The networks that are fitted; validation chooses the one that is judged."""
    network: RankingNetConfig = field(default_factory=RankingNetConfig)
    """Their shape."""
    trainer: RankingTrainerConfig = field(default_factory=RankingTrainerConfig)
    """How they are fitted."""
    trees: RankingTreesConfig = field(default_factory=RankingTreesConfig)
    """The trees."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.families) - set(FAMILIES))
        if unknown or not self.families:
            raise ConfigInvalid(
                "Unknown network %(family)s; choose among %(known)s.",
                family=unknown[0] if unknown else "-",
                known=", ".join(FAMILIES),
            )

    @classmethod
    def preset(cls, name: str) -> RankingConfig:
        """ "quick", "standard" or "debug" (tests)."""
        if name not in PRESETS:
            raise ConfigInvalid(
                "Unknown preset %(preset)s; known: %(known)s.", preset=name, known=", ".join(sorted(PRESETS))
            )
        return PRESETS[name]


PRESETS = {
    "quick": RankingConfig(families=("mmoe",), trainer=RankingTrainerConfig(max_epochs=4)),
    "standard": RankingConfig(),
    "debug": RankingConfig(
        families=("din", "mmoe"),
        network=RankingNetConfig(width=8, history_length=10, attention_hidden=8, expert_hidden=16, expert_width=8),
        trainer=RankingTrainerConfig(max_epochs=2, batch_rows=128, learning_rate=0.01),
        trees=RankingTreesConfig(max_iter=10),
    ),
}
