"""From the brand's showings and acts to rankers of what is shown.

Stage: training. Reads the brand in scope; writes datasets and fitted models below the directories it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext_noop as _

from modeling import ranking_extract, readiness
from modeling.cross_validation import Fold, fold_exposures
from modeling.errors import ConfigInvalid
from modeling.hyperparameters import changed, read_settings
from modeling.models import Purpose, Study, TrainingRun
from modeling.progress import OnProgress, ShouldStop
from modeling.ranking_config import FAMILIES, RankingConfig
from modeling.ranking_datasets import RankingDataset, RankingDatasetConfig, load_ranking_dataset, write_ranking_dataset
from modeling.ranking_extract import RankingFrames
from modeling.readiness import Readiness
from modeling.trials import Fit, Sample, fit_ranking

if TYPE_CHECKING:
    from modeling.recipes import Outcome


@dataclass(frozen=True)
class RankingRecipe:
    """Smoothed rates, trees and networks of what follows when an item is shown."""

    config: RankingConfig
    data_config: RankingDatasetConfig

    @classmethod
    def make(cls, preset: str, changes: Mapping[str, Any]) -> RankingRecipe:
        config = RankingConfig.preset(preset)
        trainer = replace(config.trainer, num_threads=settings.TRAINING_THREADS)
        data_config = RankingDatasetConfig(utc_offset_seconds=ranking_extract.utc_offset_seconds())
        return cls(replace(config, trainer=trainer), data_config).with_settings(changes)

    @classmethod
    def stored(cls, run: TrainingRun | Study) -> RankingRecipe:
        return cls(RankingConfig.from_dict(run.config), RankingDatasetConfig.from_dict(run.dataset_config))

    def readiness(self) -> Readiness:
        return readiness.of_ranking()

    def fingerprint(self) -> str:
        return ranking_extract.fingerprint_ranking()

    def read(self) -> RankingFrames:
        return ranking_extract.ranking_frames()

    def write(self, directory: Path, frames: RankingFrames) -> tuple[str, dict[str, Any]]:
        info = write_ranking_dataset(directory, frames.events, frames.items, self.data_config)
        hidden = ("version", "config", "vocabulary")
        return info.version, {name: value for name, value in info.to_dict().items() if name not in hidden}

    def fit(self, dataset: Path, directory: Path, on_progress: OnProgress, should_stop: ShouldStop) -> Outcome:
        return self._fit(load_ranking_dataset(dataset), directory, on_progress, should_stop)

    def fit_fold(
        self, dataset: Path, fold: Fold, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
    ) -> Outcome:
        loaded = fold_exposures(load_ranking_dataset(dataset), fold.number, fold.num_folds)
        return self._fit(loaded, directory, on_progress, should_stop)

    def _fit(
        self, loaded: RankingDataset, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
    ) -> Outcome:
        from modeling.ranking_pipeline import fit_ranking_models  # torch
        from modeling.recipes import Outcome

        fitted = fit_ranking_models(loaded, self.config, directory, on_progress, should_stop)
        return Outcome(fitted.versions, fitted.verdict.to_dict(), fitted.serving_kind)

    def settings(self, names: Sequence[str]) -> dict[str, Any]:
        return read_settings(self.config, Purpose.RANKING, names)

    def with_settings(self, settings: Mapping[str, Any]) -> RankingRecipe:
        """ "families" among the settings chooses what is fitted; an empty list leaves it as it is."""
        numbers = {name: value for name, value in settings.items() if name != "families"}
        config: RankingConfig = changed(self.config, Purpose.RANKING, numbers)
        families = settings.get("families") or []
        if not isinstance(families, list | tuple) or set(map(str, families)) - set(FAMILIES):
            raise ConfigInvalid(
                _("families must be a list of names; these are known: %(known)s."), known=", ".join(FAMILIES)
            )
        return replace(self, config=replace(config, families=tuple(families)) if families else config)

    def with_family(self, family: str) -> RankingRecipe:
        return replace(self, config=replace(self.config, families=(family,)))

    def fit_one(
        self, dataset: Path, sample: Sample | None, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
    ) -> Fit:
        loaded = load_ranking_dataset(dataset)
        return fit_ranking(loaded, self.config, sample, directory, on_progress, should_stop)
