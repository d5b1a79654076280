"""How each purpose gets from the brand's rows to fitted models: one recipe per kind of run, one contract.

Stage: training. Reads the brand in scope; writes datasets and fitted models below the directories it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.utils.translation import gettext_noop as _

from modeling import datasets, engagement_extract, extract, readiness
from modeling.configs import JsonConfig
from modeling.cross_validation import Fold, fold_rows
from modeling.datasets import DatasetConfig
from modeling.engagement_config import CHOICES as ENGAGEMENT_CHOICES
from modeling.engagement_config import FAMILIES as ENGAGEMENT_NETS
from modeling.engagement_config import TREES, EngagementConfig
from modeling.engagement_datasets import (
    EngagementDataset,
    EngagementDatasetConfig,
    load_engagement_dataset,
    write_engagement_dataset,
)
from modeling.engagement_extract import EngagementExtractConfig, EngagementFrame
from modeling.engagement_numpy import EVENT_KINDS
from modeling.errors import ConfigInvalid
from modeling.gate import MIN_UNITS
from modeling.hyperparameters import HYPERPARAMETERS, changed, read_settings
from modeling.models import Purpose, Study, TrainingRun
from modeling.pipeline_config import PipelineConfig
from modeling.progress import OnProgress, ShouldStop
from modeling.ranking_config import FAMILIES as RANKING_NETS
from modeling.ranking_config import RankingConfig
from modeling.ranking_recipe import RankingRecipe
from modeling.readiness import Readiness
from modeling.sequence_configs import FAMILIES
from modeling.simple_models import fit_simple_models
from modeling.trials import Fit, Sample, fit_engagement, fit_next_item

PRESETS = ("quick", "standard")
"""What people choose from."""
DEBUG = "debug"
"""The preset of tests."""
SIMPLE = "simple"
"""The preset of runs that fit the simple models only, in seconds."""


@dataclass(frozen=True)
class Outcome:
    """What a run brought."""

    versions: list[Any]
    """Each with kind, directory, metrics, notes and seconds."""
    verdict: dict[str, Any]
    """The gate's verdict; empty when no deep model was fitted."""
    serving_kind: str
    """The model that should serve."""
    split: str = ""
    """The split that everything was measured on, where there are several."""


class Recipe(Protocol):
    """From rows to fitted models."""

    @property
    def config(self) -> JsonConfig:
        """How models are fitted."""
        ...

    @property
    def data_config(self) -> JsonConfig:
        """How the dataset is made."""
        ...

    def readiness(self) -> Readiness:
        """Whether the brand in scope has enough data for it."""
        ...

    def fingerprint(self) -> str:
        """Digest of the rows `read` would give."""
        ...

    def read(self) -> Any:
        """The rows, inside the brand's scope."""
        ...

    def write(self, directory: Path, frames: Any) -> tuple[str, dict[str, Any]]:
        """Freeze the rows as a dataset; its hash and its counts. Raises DatasetTooSmall, LabelHasOneClass."""
        ...

    def fit(self, dataset: Path, directory: Path, on_progress: OnProgress, should_stop: ShouldStop) -> Outcome:
        """Fit and compare, continuing from what `directory` holds."""
        ...

    def settings(self, names: Sequence[str]) -> dict[str, Any]:
        """Its hyper-parameters, those named."""
        ...

    def with_settings(self, settings: Mapping[str, Any]) -> Recipe:
        """The same with some hyper-parameters replaced, by name; raises ConfigInvalid."""
        ...

    def with_family(self, family: str) -> Recipe:
        """The same for one kind of deep model alone, one of `families_of`."""
        ...

    def fit_one(
        self, dataset: Path, sample: Sample | None, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
    ) -> Fit:
        """Fit the deep model alone, by all contacts or a sample of them, measured on the validation stage only."""
        ...

    def fit_fold(
        self, dataset: Path, fold: Fold, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
    ) -> Outcome:
        """`fit` on one fold of a cross-validation; its "test" metrics are those of the fold."""
        ...


@dataclass(frozen=True)
class NextItemRecipe:
    """Popularity, item-kNN, networks and a blend; or the first two alone."""

    config: PipelineConfig
    data_config: DatasetConfig
    is_simple: bool

    @classmethod
    def make(cls, preset: str, changes: Mapping[str, Any]) -> NextItemRecipe:
        config = PipelineConfig.preset("quick" if preset == SIMPLE else preset)
        trainer = replace(config.trainer, num_threads=settings.TRAINING_THREADS)
        return cls(replace(config, trainer=trainer), DatasetConfig(), preset == SIMPLE).with_settings(changes)

    @classmethod
    def stored(cls, run: TrainingRun | Study) -> NextItemRecipe:
        config, data_config = PipelineConfig.from_dict(run.config), DatasetConfig.from_dict(run.dataset_config)
        return cls(config, data_config, run.preset == SIMPLE)

    def readiness(self) -> Readiness:
        return readiness.of_next_item(is_simple=self.is_simple)

    def fingerprint(self) -> str:
        return extract.fingerprint_next_item()

    def read(self) -> extract.NextItemFrames:
        return extract.next_item_frames()

    def write(self, directory: Path, frames: extract.NextItemFrames) -> tuple[str, dict[str, Any]]:
        info = datasets.write_dataset(directory, frames.interactions, frames.items, frames.users, self.data_config)
        return info.version, _counts(info)

    def fit(self, dataset: Path, directory: Path, on_progress: OnProgress, should_stop: ShouldStop) -> Outcome:
        loaded = datasets.load_dataset(dataset)
        config = replace(self.config, split=self._measurable_split(loaded))
        if self.is_simple:
            return _outcome(fit_simple_models(loaded, config, directory, on_progress), config.split)
        from modeling.pipeline import fit_next_item_models  # torch

        return _outcome(fit_next_item_models(loaded, config, directory, on_progress, should_stop), config.split)

    def settings(self, names: Sequence[str]) -> dict[str, Any]:
        return read_settings(self.config, Purpose.NEXT_ITEM, names)

    def with_settings(self, settings: Mapping[str, Any]) -> NextItemRecipe:
        families, numbers = split_families(settings)
        config = changed(self.config, Purpose.NEXT_ITEM, numbers)
        if families:
            config = replace(config, families=tuple(name for name in FAMILIES if name in families))
        return replace(self, config=config)

    def with_family(self, family: str) -> NextItemRecipe:
        return replace(self, config=replace(self.config, families=(family,)))

    def fit_one(
        self, dataset: Path, sample: Sample | None, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
    ) -> Fit:
        loaded = datasets.load_dataset(dataset)
        config = replace(self.config, split=self._measurable_split(loaded))
        return fit_next_item(loaded, config, sample, directory, on_progress, should_stop)

    def fit_fold(
        self, dataset: Path, fold: Fold, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
    ) -> Outcome:
        config = replace(self.config, split=f"fold_{fold.number + 1}_of_{fold.num_folds}", refit=False)
        return replace(self, config=config).fit(dataset, directory, on_progress, should_stop)

    def _measurable_split(self, dataset: datasets.Dataset) -> str:
        """The wanted split; leave-one-out, which measures everybody, when the newest behaviour has too few people."""
        num_measured = min(dataset.info.time_valid_users, dataset.info.time_test_users)
        return self.config.split if num_measured >= MIN_UNITS or self.config.split != "time" else "leave_one_out"


@dataclass(frozen=True)
class EngagementDataConfig(JsonConfig):
    """How the engagement dataset is made."""

    extract: EngagementExtractConfig = field(default_factory=EngagementExtractConfig)
    """Which rows are read."""
    dataset: EngagementDatasetConfig = field(default_factory=EngagementDatasetConfig)
    """How they are split."""


@dataclass(frozen=True)
class EngagementRecipe:
    """Majority, logistic regression and the chosen families, on behaviour counts and, from events, acts in order."""

    config: EngagementConfig
    data_config: EngagementDataConfig

    @classmethod
    def make(cls, preset: str, changes: Mapping[str, Any]) -> EngagementRecipe:
        names = {one.name for one in fields(EngagementExtractConfig)}
        asked = {name: value for name, value in changes.items() if name in names}
        rest = {name: value for name, value in changes.items() if name not in names}
        extract_config = EngagementExtractConfig.from_dict(asked).resolved()
        config = EngagementConfig.preset(preset)
        if extract_config.source == "table":
            config = config.without(EVENT_KINDS)
        return cls(config, EngagementDataConfig(extract_config)).with_settings(rest)

    @classmethod
    def stored(cls, run: TrainingRun | Study) -> EngagementRecipe:
        return cls(EngagementConfig.from_dict(run.config), EngagementDataConfig.from_dict(run.dataset_config))

    def readiness(self) -> Readiness:
        return readiness.of_engagement(self.data_config.extract)

    def fingerprint(self) -> str:
        return engagement_extract.fingerprint_engagement(self.data_config.extract)

    def read(self) -> EngagementFrame:
        return engagement_extract.engagement_frame(self.data_config.extract)

    def write(self, directory: Path, frames: EngagementFrame) -> tuple[str, dict[str, Any]]:
        info = write_engagement_dataset(
            directory,
            frames.rows,
            frames.feature_names,
            engagement_extract.LABEL,
            self.data_config.dataset,
            frames.acts,
        )
        return info.version, _counts(info)

    def fit(self, dataset: Path, directory: Path, on_progress: OnProgress, should_stop: ShouldStop) -> Outcome:
        return self._fit(load_engagement_dataset(dataset), directory, on_progress, should_stop)

    def _fit(
        self, loaded: EngagementDataset, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
    ) -> Outcome:
        from modeling.engagement_pipeline import fit_engagement_models  # torch

        outcome = fit_engagement_models(loaded, self.config, directory, on_progress, should_stop)
        return _outcome(outcome)

    def settings(self, names: Sequence[str]) -> dict[str, Any]:
        return read_settings(self.config, Purpose.ENGAGEMENT, names)

    def with_settings(self, settings: Mapping[str, Any]) -> EngagementRecipe:
        """ "families" among the settings chooses what is fitted; an empty list leaves it as it is."""
        numbers = {name: value for name, value in settings.items() if name != "families"}
        config: EngagementConfig = changed(self.config, Purpose.ENGAGEMENT, numbers)
        if settings.get("families"):
            config = config.with_families(settings["families"])
        needing = sorted(EVENT_KINDS & set(config.families))
        if self.data_config.extract.source == "table" and needing:
            raise ConfigInvalid(
                _("%(families)s read acts in order, which an uploaded table lacks; choose an outcome of events."),
                families=", ".join(needing),
            )
        return replace(self, config=config)

    def with_family(self, family: str) -> EngagementRecipe:
        return replace(self, config=self.config.with_families([family]))

    def fit_one(
        self, dataset: Path, sample: Sample | None, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
    ) -> Fit:
        loaded = load_engagement_dataset(dataset)
        return fit_engagement(loaded, self.config, sample, directory, on_progress, should_stop)

    def fit_fold(
        self, dataset: Path, fold: Fold, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
    ) -> Outcome:
        loaded = fold_rows(load_engagement_dataset(dataset), fold.number, fold.num_folds, fold.seed)
        return self._fit(loaded, directory, on_progress, should_stop)


_RECIPES: dict[str, type[NextItemRecipe] | type[EngagementRecipe] | type[RankingRecipe]] = {
    Purpose.NEXT_ITEM.value: NextItemRecipe,
    Purpose.ENGAGEMENT.value: EngagementRecipe,
    Purpose.RANKING.value: RankingRecipe,
}


_FAMILIES: dict[str, tuple[str, ...]] = {
    Purpose.NEXT_ITEM.value: FAMILIES,
    Purpose.ENGAGEMENT.value: (*ENGAGEMENT_NETS, TREES),
    Purpose.RANKING.value: RANKING_NETS,
}


def families_of(purpose: str) -> tuple[str, ...]:
    """The kinds of deep models that `fit_one` fits for a purpose, the preset's first."""
    return _FAMILIES[purpose]


def recipe_for(run: TrainingRun | Study) -> Recipe:
    """The recipe of a stored run or study."""
    return _RECIPES[run.purpose].stored(run)


def make_recipe(purpose: str, preset: str, changes: Mapping[str, Any]) -> Recipe:
    """A preset with some settings changed, by name; raises ConfigInvalid."""
    if purpose not in _RECIPES or preset not in (*PRESETS, DEBUG, SIMPLE):
        raise ConfigInvalid(_("The purpose or the preset is not known."))
    return _RECIPES[purpose].make(preset, changes)


CHOICES: dict[str, tuple[str, ...]] = {
    Purpose.NEXT_ITEM.value: FAMILIES,
    Purpose.ENGAGEMENT.value: ENGAGEMENT_CHOICES,
    Purpose.RANKING.value: RANKING_NETS,
}
"""Purpose -> what people choose from under "families"."""


def split_families(changes: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """The networks asked for under "families" (none: as the preset has them), and the other changes.

    Raises ConfigInvalid for a name that is no family.
    """
    families = changes.get("families") or []
    if not isinstance(families, list | tuple) or set(map(str, families)) - set(FAMILIES):
        raise ConfigInvalid(
            _("families must be a list of names; these are known: %(known)s."), known=", ".join(FAMILIES)
        )
    return list(families), {name: value for name, value in changes.items() if name != "families"}


def preset_families(purpose: str, preset: str) -> tuple[str, ...]:
    """The families of a preset, as far as all data allows them."""
    configs: dict[str, Any] = {
        Purpose.NEXT_ITEM.value: PipelineConfig,
        Purpose.ENGAGEMENT.value: EngagementConfig,
        Purpose.RANKING.value: RankingConfig,
    }
    families: tuple[str, ...] = configs[purpose].preset(preset).families
    return families


def preset_values(purpose: str, preset: str) -> dict[str, Any]:
    """The values of the hyper-parameters in a preset."""
    return make_recipe(purpose, preset, {}).settings([parameter.name for parameter in HYPERPARAMETERS[purpose]])


def _counts(info: JsonConfig) -> dict[str, Any]:
    """What the dataset's row says about it: everything but the configuration and the hash, which have columns."""
    return {name: value for name, value in info.to_dict().items() if name not in ("config", "version")}


def _outcome(fitted: Any, split: str = "") -> Outcome:
    return Outcome(fitted.versions, fitted.verdict.to_dict() if fitted.verdict else {}, fitted.serving_kind, split)
