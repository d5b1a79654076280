"""Configuration of an engagement training run, with presets; imports no torch, so pages may read it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from modeling.configs import JsonConfig
from modeling.errors import ConfigInvalid

FAMILIES = ("engagement_dnn", "wide_and_deep", "deep_fm", "dcn_v2", "event_cnn", "event_rnn")
"""The nets."""
TREES = "trees"
ENSEMBLE = "engagement_ensemble"
CHOICES = (*FAMILIES, TREES, ENSEMBLE)
"""What a run may fit beside majority and logistic regression."""


@dataclass(frozen=True)
class EngagementDnnConfig(JsonConfig):
    """The hidden layers, which every net has."""

    hidden_1: int = 64
    """Units of the first hidden layer."""
    hidden_2: int = 32
    """Units of the second hidden layer."""
    dropout: float = 0.1
    """Share of hidden activations dropped in training."""


@dataclass(frozen=True)
class FieldsConfig(JsonConfig):
    """How nets see buckets of features: Wide & Deep, DeepFM, DCN-v2."""

    embedding_width: int = 8
    """Numbers per bucket of a feature."""
    num_cross_layers: int = 2
    """DCN-v2: cross layers; each adds a degree to the products of features."""
    cross_rank: int = 16
    """DCN-v2: rank of a cross layer's matrix."""


@dataclass(frozen=True)
class EventsConfig(JsonConfig):
    """How nets see a contact's acts in order: CNN and RNN."""

    width: int = 24
    """Numbers per act."""


@dataclass(frozen=True)
class EngagementNets(JsonConfig):
    """Shapes of all nets."""

    network: EngagementDnnConfig = field(default_factory=EngagementDnnConfig)
    """Hidden layers."""
    fields: FieldsConfig = field(default_factory=FieldsConfig)
    """Buckets of features."""
    events: EventsConfig = field(default_factory=EventsConfig)
    """Acts in order."""


@dataclass(frozen=True)
class TreesConfig(JsonConfig):
    """How the gradient-boosted trees are fitted."""

    learning_rates: tuple[float, ...] = (0.05, 0.1)
    """Candidates; validation chooses."""
    leaf_counts: tuple[int, ...] = (8, 24)
    """Candidates for the leaves of a tree; validation chooses."""
    max_trees: int = 400
    """Trees at most."""
    patience: int = 20
    """Stop after this many trees without a lower validation log-loss."""
    min_leaf_rows: int = 20
    """Rows in a leaf at least."""
    penalty: float = 1.0
    """Ridge penalty of the leaves' values."""


@dataclass(frozen=True)
class EnsembleConfig(JsonConfig):
    """How the fitted models become one."""

    num_seeds: int = 1
    """Fits per net; more than one are averaged inside the ensemble (on the log-odds)."""
    penalty: float = 10.0
    """Pull of the stacking weights towards equal ones, in the units of summed log-loss."""


@dataclass(frozen=True)
class EngagementTrainerConfig(JsonConfig):
    """How nets are fitted; every net gets the same budget."""

    max_epochs: int = 100
    """Passes over the training rows at most."""
    batch_rows: int = 64
    """Rows per optimiser step."""
    learning_rate: float = 0.002
    """AdamW learning rate after the warm-up."""
    final_rate_share: float = 0.1
    """Share of the learning rate that is left at the planned end of a half cosine; 1 keeps it constant."""
    warmup_steps: int = 20
    """Steps over which the learning rate rises from 0."""
    weight_decay: float = 0.001
    """Decoupled weight decay."""
    positive_weight: float = 1.0
    """Weight of a converted row's loss; 0 makes both classes weigh the same. Undone in the probabilities."""
    kept_negatives: float = 1.0
    """Share of the rows without conversion drawn for each epoch. Undone in the probabilities."""
    patience: int = 12
    """Stop after this many epochs without a lower validation log-loss."""
    max_steps: int = 20_000
    """Optimiser steps per net at most; bounds the time on big tables."""
    checkpoint_seconds: float = 30.0
    """A kill loses at most this much work (checkpoints are written between epochs)."""
    num_threads: int = 1
    """CPU threads; more do not help a network this small."""
    seed: int = 0
    """Start of every random stream."""

    def __post_init__(self) -> None:
        if not (0 < self.kept_negatives <= 1 and self.positive_weight >= 0):
            raise ConfigInvalid("kept_negatives must be above 0 and at most 1, positive_weight at least 0.")


@dataclass(frozen=True)
class EngagementConfig(EngagementNets):
    """One engagement training run."""

    families: tuple[str, ...] = ("engagement_dnn",)
    """Which of CHOICES are fitted; majority and logistic regression always are."""
    logistic_penalties: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0)
    """Candidate ridge penalties of the logistic regression; validation chooses."""
    trees: TreesConfig = field(default_factory=TreesConfig)
    """The gradient-boosted trees."""
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)
    """The ensemble."""
    trainer: EngagementTrainerConfig = field(default_factory=EngagementTrainerConfig)
    """How nets are fitted."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.families) - set(CHOICES))
        if unknown or not self.families or len(set(self.families)) < len(self.families):
            raise ConfigInvalid(
                "The model families must be some of %(known)s, each at most once.", known=", ".join(CHOICES)
            )
        if set(self.families) == {ENSEMBLE}:
            raise ConfigInvalid("An ensemble needs members; choose at least one other family beside it.")

    def with_families(self, wanted: object) -> EngagementConfig:
        """The same with other families; raises ConfigInvalid when the list holds something else."""
        if not isinstance(wanted, list | tuple) or not all(isinstance(name, str) for name in wanted):
            raise ConfigInvalid("families must be a list of names.")
        return replace(self, families=tuple(wanted))

    def without(self, families: Collection[str]) -> EngagementConfig:
        """The same with some families left out."""
        return replace(self, families=tuple(name for name in self.families if name not in families))

    @property
    def nets(self) -> tuple[str, ...]:
        """The chosen nets, in the registry's order."""
        return tuple(family for family in FAMILIES if family in self.families)

    @classmethod
    def preset(cls, name: str) -> EngagementConfig:
        """ "quick", "standard" or "debug" (tests)."""
        if name not in PRESETS:
            raise ConfigInvalid(
                "Unknown preset %(preset)s; known: %(known)s.", preset=name, known=", ".join(sorted(PRESETS))
            )
        return PRESETS[name]


PRESETS = {
    "quick": EngagementConfig(
        families=("engagement_dnn", "deep_fm", TREES, ENSEMBLE),
        trainer=EngagementTrainerConfig(max_epochs=40, batch_rows=128, patience=6, max_steps=8_000),
    ),
    "standard": EngagementConfig(families=CHOICES, ensemble=EnsembleConfig(num_seeds=2)),
    "debug": EngagementConfig(trainer=EngagementTrainerConfig(max_epochs=3, checkpoint_seconds=0.0)),
}
