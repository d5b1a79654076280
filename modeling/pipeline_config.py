"""Configuration of a next-item training run, with presets; imports no torch, so pages may read it."""

from __future__ import annotations

from dataclasses import dataclass, field

from modeling.blending import BlendConfig
from modeling.configs import JsonConfig
from modeling.errors import ConfigInvalid
from modeling.item_knn import ItemKnnConfig
from modeling.popularity import PopularityConfig
from modeling.sequence_configs import (
    FAMILIES,
    GruConfig,
    HstuConfig,
    NextItNetConfig,
    SequenceConfig,
    TransformerConfig,
)
from modeling.splits import read_fold


@dataclass(frozen=True)
class TrainerConfig(JsonConfig):
    """How a network is fitted."""

    max_epochs: int = 10
    """Passes over all training events at most; the learning rate decays along them."""
    max_events_trained: int = 0
    """Plan only as many epochs as train about this many events; 0 = no limit. Bounds the time and stays repeatable."""
    max_seconds: float = 0.0
    """The learning rate reaches its end after this much training time, then the fit stops; 0 = off. Not repeatable."""
    patience: int = 3
    """Stop after this many epochs without a better validation NDCG@10."""
    batch_events: int = 4096
    """Events per optimiser step at most, padding included."""
    min_steps_per_epoch: int = 100
    """Smaller data sets get smaller batches, down to 256 events, so that an epoch has about this many steps."""
    learning_rate: float = 0.003
    """Peak of the AdamW learning rate."""
    warmup_steps: int = 100
    """Steps until the peak."""
    weight_decay: float = 0.01
    """Decoupled weight decay."""
    validation_users: int = 1500
    """Users measured after each epoch (a fixed random sample)."""
    loss: str = "auto"
    """"full" counts every item at each step, "sampled" a sample of them; "auto" is full up to `max_full_items`."""
    max_full_items: int = 50_000
    """Catalogues larger than this are sampled when the loss is "auto"."""
    num_negatives: int = 2048
    """Sampled items per step, shared by all events of the step."""
    refit_epochs: int = 2
    """Passes over all events after the fit, from the best weights; 0 = serve the measured weights."""
    checkpoint_seconds: float = 30.0
    """A kill loses at most this much work."""
    report_seconds: float = 2.0
    """Time between points of the live curve."""
    num_threads: int = 2
    """CPU threads."""
    seed: int = 0
    """Start of every random stream."""

    def __post_init__(self) -> None:
        if self.loss not in ("auto", "full", "sampled"):
            raise ConfigInvalid('TrainerConfig.loss must be "auto", "full" or "sampled".', field="loss")

    def is_sampled(self, num_items: int) -> bool:
        """Whether a catalogue of this size is sampled."""
        return self.loss == "sampled" or (self.loss == "auto" and num_items > self.max_full_items)


@dataclass(frozen=True)
class PipelineConfig(JsonConfig):
    """One next-item training run."""

    split: str = "time"
    """"time" mirrors production; "leave_one_out" is the published protocol; "fold_2_of_5" walks through time."""
    refit: bool = True
    """Serve models fitted again on all events; the metrics always belong to the models fitted without the test."""
    tuning_users: int = 2000
    """Validation users that choose among simple models' settings."""
    popularity: PopularityConfig = field(default_factory=PopularityConfig)
    """Baseline 1."""
    item_knn: ItemKnnConfig = field(default_factory=ItemKnnConfig)
    """Baseline 2 and member of the blend."""
    families: tuple[str, ...] = ("transformer",)
    """The networks to fit; the best of them on validation is blended with the item-kNN."""
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    """Attention."""
    gru: GruConfig = field(default_factory=GruConfig)
    """Recurrence."""
    next_it_net: NextItNetConfig = field(default_factory=NextItNetConfig)
    """Convolution."""
    hstu: HstuConfig = field(default_factory=HstuConfig)
    """Gated units."""
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    """How each network is fitted."""
    blend: BlendConfig = field(default_factory=BlendConfig)
    """How the members are mixed."""

    def __post_init__(self) -> None:
        if self.split not in ("time", "leave_one_out") and read_fold(self.split) is None:
            raise ConfigInvalid(
                'PipelineConfig.split must be "time", "leave_one_out" or a fold like "fold_2_of_5".', field="split"
            )
        if not self.families or len(set(self.families)) < len(self.families) or set(self.families) - set(FAMILIES):
            raise ConfigInvalid(
                "families must name one or more different networks of %(known)s.", known=", ".join(FAMILIES)
            )

    def network(self, family: str) -> SequenceConfig:
        """The configuration of one family."""
        found: SequenceConfig = getattr(self, family)
        return found

    @classmethod
    def preset(cls, name: str) -> PipelineConfig:
        """ "quick" (a minute or two for a small brand), "standard" (best quality), "debug" (tests)."""
        if name not in PRESETS:
            raise ConfigInvalid(
                "Unknown preset %(preset)s; known: %(known)s.", preset=name, known=", ".join(sorted(PRESETS))
            )
        return PRESETS[name]


PRESETS = {
    "quick": PipelineConfig(
        transformer=TransformerConfig(width=48, max_events=50, dropout=0.2),
        gru=GruConfig(width=48, max_events=50, dropout=0.2),
        next_it_net=NextItNetConfig(width=48, max_events=50, dropout=0.2),
        hstu=HstuConfig(width=48, max_events=50, dropout=0.2),
        trainer=TrainerConfig(max_epochs=10, max_events_trained=2_000_000, validation_users=1000, patience=2),
    ),
    "standard": PipelineConfig(),
    "debug": PipelineConfig(
        split="leave_one_out",
        tuning_users=50,
        item_knn=ItemKnnConfig(row_powers=(1.0,), column_powers=(0.0, 0.25)),
        transformer=TransformerConfig.debug(),
        gru=GruConfig.debug(),
        next_it_net=NextItNetConfig.debug(),
        hstu=HstuConfig.debug(),
        trainer=TrainerConfig(
            max_epochs=2, batch_events=256, warmup_steps=5, validation_users=50, num_threads=1, report_seconds=0.0
        ),
        blend=BlendConfig(weights=(0.0, 1.0), floors=(1e-3,), popularity_weights=(0.0,)),
    ),
}
