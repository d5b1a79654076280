"""Train any next-item network: resumable, cancellable, watched.

Stage: training. Reads a dataset; writes checkpoint.safetensors into the run's directory; returns weights.
Phases: "fit" learns from the split's training events with early stopping on validation NDCG@10; "refit" (optional)
continues from the best weights over all events, so that the served model knows the newest items and acts.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modeling import training_runtime  # first: it sets how torch waits

# isort: split
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modeling.datasets import Dataset
from modeling.errors import DatasetTooSmall, TrainingCancelled, TrainingDiverged
from modeling.evaluation import evaluate, find_top_items, mask_seen, measured_users
from modeling.histories import Int16Array
from modeling.item_content import read_item_content
from modeling.next_item_loss import NextItemLoss
from modeling.nn.next_item import NextItemNet
from modeling.nn.registry import make_net
from modeling.nn.scoring import NetScorer, to_events
from modeling.pipeline_config import TrainerConfig
from modeling.progress import REFIT, OnProgress, SampleList, ShouldStop, TrainingPoint
from modeling.sequence_configs import SequenceConfig
from modeling.splits import Split
from modeling.training_checkpoints import CHECKPOINT_FILE, Checkpointed
from modeling.windows import Batch, TrainingWindows

NUM_SAMPLE_USERS = 5
SMALLEST_BATCH_EVENTS = 256
FINAL_LEARNING_RATE_SHARE = 0.03


@dataclass(frozen=True)
class TrainingResult:
    """Learnt weights under their torch names and how they were found."""

    measured_weights: dict[str, NDArray[Any]]
    """Best weights by validation; every published metric belongs to them."""
    served_weights: dict[str, NDArray[Any]]
    """The same, or after the refit over all events."""
    action_codes: Int16Array
    best_epoch: int
    num_epochs: int
    best_ndcg: float
    elapsed_seconds: float
    num_parameters: int
    num_steps: int
    curve: list[dict[str, Any]]
    """One entry per epoch: epoch, loss, elapsed_seconds and the validation metrics."""


@dataclass
class _Cursor:
    """Everything a checkpoint must remember besides tensors."""

    fingerprint: str
    phase: str = "fit"
    epoch: int = 0
    batch: int = 0
    step: int = 0
    elapsed_seconds: float = 0.0
    best_ndcg: float = -1.0
    best_epoch: int = 0
    epochs_without_gain: int = 0
    epoch_loss: float = 0.0
    epoch_events: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)


def train_next_item(
    dataset: Dataset,
    split: Split,
    network: SequenceConfig,
    config: TrainerConfig,
    directory: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> TrainingResult:
    """Fit (and refit) a network of the configuration's family, from the checkpoint in `directory` when there is one.

    Raises TrainingCancelled (checkpoint left), TrainingDiverged (NaN), DatasetTooSmall.
    """
    run = _Run(dataset, split, network, config, directory, on_progress, should_stop)
    run.resume()
    if run.cursor.phase == "fit":
        run.fit()
    if run.cursor.phase == "refit":
        run.refit()
    return run.result()


class _Run(Checkpointed):
    """One training run: network, optimiser, cursor, best weights."""

    net: NextItemNet
    cursor: _Cursor

    def __init__(
        self,
        dataset: Dataset,
        split: Split,
        network: SequenceConfig,
        config: TrainerConfig,
        directory: Path,
        on_progress: OnProgress,
        should_stop: ShouldStop,
    ) -> None:
        self.config, self.family = config, network.family
        self.dataset = dataset
        self.path = directory / CHECKPOINT_FILE
        self.on_progress, self.should_stop = on_progress, should_stop
        self.device = training_runtime.prepare(config.seed, config.num_threads)
        self.action_codes: Int16Array = np.unique(dataset.actions_E)
        content = read_item_content(dataset.items)
        self.net = make_net(network, dataset.num_items, len(self.action_codes), content).to(self.device)
        self.split = split
        self._show_items(split)
        self.optimiser = self._new_optimiser()
        self.best = self.copy_weights()
        self.validation = (
            measured_users(dataset, split, "valid").sample(config.validation_users, config.seed).by_length()
        )
        self.fit_windows = self._windows(split)
        if self.fit_windows.num_targets == 0 or not self.validation.histories:
            raise DatasetTooSmall(
                "No follower has enough events before the split to learn from. Upload more behaviour."
            )
        self.num_epochs = _plan_epochs(config, self.fit_windows.num_targets)
        self.cursor = _Cursor(_fingerprint(dataset, split, network, config))
        self.clock = training_runtime.Clock()

    def fit(self) -> None:
        """Epochs with early stopping; afterwards the best weights are in the network."""
        while not self._is_fit_done():
            self._run_epoch(self.fit_windows, self._fit_progress)
            self._validate()
            self._next_epoch()
        self.net.load_state_dict(self.best)
        self.optimiser = self._new_optimiser()
        self.cursor.phase, self.cursor.epoch = "refit", 0
        self.save()

    def refit(self) -> None:
        """A few decaying epochs over every event of the dataset."""
        everything = Split("all", self.dataset.offsets[1:], self.dataset.offsets[1:], self.dataset.offsets[1:])
        windows = self._windows(everything)
        self._show_items(everything)
        while self.cursor.epoch < self.config.refit_epochs:
            self._run_epoch(windows, lambda share: 0.7 + 0.3 * (self.cursor.epoch + share) / self.config.refit_epochs)
            self._next_epoch()

    def result(self) -> TrainingResult:
        """What was learnt."""
        served_weights = self.net.serving_weights()
        self.net.load_state_dict(self.best)
        self._show_items(self.split)
        return TrainingResult(
            measured_weights=self.net.serving_weights(),
            served_weights=served_weights,
            action_codes=self.action_codes,
            best_epoch=self.cursor.best_epoch,
            num_epochs=len(self.cursor.curve),
            best_ndcg=self.cursor.best_ndcg,
            elapsed_seconds=self.cursor.elapsed_seconds,
            num_parameters=sum(parameter.numel() for parameter in self.net.parameters()),
            num_steps=self.cursor.step,
            curve=self.cursor.curve,
        )

    def _run_epoch(self, windows: TrainingWindows, progress: Callable[[float], float]) -> None:
        """Train the rest of the current epoch, reporting and saving on the way."""
        self.net.train()
        seed = self.config.seed if self.cursor.phase == "fit" else self.config.seed + 1
        batches = windows.epoch(self.cursor.epoch, seed)
        self.clock.start(self.cursor.elapsed_seconds)
        loss_sum, num_events = torch.zeros((), device=self.device), 0
        for place in range(self.cursor.batch, len(batches)):
            if self.should_stop():
                self._account(loss_sum, num_events)
                self.save()
                raise TrainingCancelled("Training was cancelled; it can be continued from its checkpoint.")
            if self.cursor.phase == "fit" and 0 < self.config.max_seconds <= self.clock.elapsed():
                break
            batch = windows.batch(batches[place])
            loss_sum += self._train_batch(batch, progress(place / len(batches))) * batch.num_targets
            num_events += batch.num_targets
            self.cursor.batch, self.cursor.step = place + 1, self.cursor.step + 1
            is_saving = self.clock.is_due("save", self.config.checkpoint_seconds)
            if is_saving or self.clock.is_due("report", self.config.report_seconds):
                self._account(loss_sum, num_events)
                self._report(loss_sum, num_events, len(batches))
                loss_sum, num_events = torch.zeros((), device=self.device), 0
            if is_saving:
                self.save()
        self._account(loss_sum, num_events)

    def _train_batch(self, batch: Batch, progress: float) -> Tensor:
        """One optimiser step; the mean loss of the batch."""
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate(progress)
        is_cuda = self.device.type == "cuda"
        items_ND = self.net.item_table()
        with torch.autocast("cuda", torch.bfloat16, enabled=is_cuda):
            vectors_BTD = self.net(to_events(batch, self.device), items_ND)
        loss = self.criterion(self.net, vectors_BTD.float().flatten(0, 1), items_ND, batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        return loss.detach()

    def _account(self, loss_sum: Tensor, num_events: int) -> None:
        """Add a stretch of batches to the epoch's loss and time; raises TrainingDiverged on NaN."""
        loss = float(loss_sum)
        if not math.isfinite(loss):
            raise TrainingDiverged(
                "The training loss is no longer a number; lower the learning rate and start again.",
                step=self.cursor.step,
            )
        self.cursor.epoch_loss += loss
        self.cursor.epoch_events += num_events
        self.cursor.elapsed_seconds = self.clock.elapsed()

    def _report(self, loss_sum: Tensor, num_events: int, num_batches: int) -> None:
        is_fit = self.cursor.phase == "fit"
        num_epochs = self.num_epochs if is_fit else self.config.refit_epochs
        self.on_progress(
            TrainingPoint(
                stage=self.family if is_fit else self.family + REFIT,
                epoch=self.cursor.epoch,
                num_epochs=num_epochs,
                step=self.cursor.step,
                num_steps=num_batches * num_epochs,
                loss=float(loss_sum) / max(num_events, 1),
                samples_per_second=num_events / max(self.clock.lap(), 1e-9),
                elapsed_seconds=self.cursor.elapsed_seconds,
                eta_seconds=self._eta_seconds(self.cursor.batch / num_batches),
            )
        )

    def _validate(self) -> None:
        """Measure the epoch, keep the weights when they are the best, show sample lists."""
        cursor = self.cursor
        scorer = NetScorer(self.net, self.action_codes, self.device)
        metrics = evaluate(scorer, self.validation).metrics
        cursor.elapsed_seconds = self.clock.elapsed()
        if metrics["ndcg_at_10"] > cursor.best_ndcg:
            self.best = self.copy_weights()
            cursor.best_ndcg, cursor.best_epoch, cursor.epochs_without_gain = metrics["ndcg_at_10"], cursor.epoch + 1, 0
        else:
            cursor.epochs_without_gain += 1
        point = TrainingPoint(
            stage=self.family,
            epoch=cursor.epoch + 1,
            num_epochs=self.num_epochs,
            step=cursor.step,
            num_steps=round(cursor.step / (cursor.epoch + 1) * self.num_epochs),
            loss=cursor.epoch_loss / max(cursor.epoch_events, 1),
            elapsed_seconds=cursor.elapsed_seconds,
            eta_seconds=self._eta_seconds(1.0),
            metrics=metrics,
            samples=self._sample_lists(scorer),
        )
        cursor.curve.append(
            {"epoch": point.epoch, "loss": point.loss, "elapsed_seconds": point.elapsed_seconds, **metrics}
        )
        self.on_progress(point)

    def _eta_seconds(self, share: float) -> float:
        """Planned epochs left times the seconds per epoch so far; `share` of the current epoch is done."""
        if self.cursor.phase == "refit":
            finished, left = len(self.cursor.curve) + self.cursor.epoch + share, self.config.refit_epochs
        else:
            finished, left = self.cursor.epoch + share, self.num_epochs + self.config.refit_epochs
        by_epochs = self.cursor.elapsed_seconds / finished * (left - self.cursor.epoch - share)
        by_time = self.config.max_seconds - self.cursor.elapsed_seconds
        return max(min(by_epochs, by_time), 0.0) if self.config.max_seconds else by_epochs

    def _sample_lists(self, scorer: NetScorer) -> list[SampleList]:
        num_measured = len(self.validation.histories)
        places = np.unique(np.linspace(0, num_measured - 1, NUM_SAMPLE_USERS).astype(int))
        histories, users = [self.validation.histories[place] for place in places], self.validation.users_B[places]
        scores_BN = scorer.scores_many(histories)
        mask_seen(scores_BN, histories)
        return [
            SampleList(int(self.dataset.user_keys_U[user]), self.dataset.item_keys_N[top].tolist())
            for user, top in zip(users, find_top_items(scores_BN, 5), strict=True)
        ]

    def _next_epoch(self) -> None:
        self.cursor.epoch, self.cursor.batch = self.cursor.epoch + 1, 0
        self.cursor.epoch_loss, self.cursor.epoch_events = 0.0, 0
        self.save()

    def _is_fit_done(self) -> bool:
        is_stuck = self.cursor.epochs_without_gain >= self.config.patience
        is_out_of_time = 0 < self.config.max_seconds <= self.cursor.elapsed_seconds
        return self.cursor.epoch >= self.num_epochs or is_stuck or is_out_of_time

    def _fit_progress(self, share: float) -> float:
        """How far the plan has come, 0 to 1; the slower of the two limits does not matter."""
        by_epochs = (self.cursor.epoch + share) / self.num_epochs
        by_time = self.clock.elapsed() / self.config.max_seconds if self.config.max_seconds else 0.0
        return min(max(by_epochs, by_time), 1.0)

    def _learning_rate(self, progress: float) -> float:
        """Linear warm-up, then a cosine down to 3 % of the peak."""
        warmup = min((self.cursor.step + 1) / max(self.config.warmup_steps, 1), 1.0)
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        return (
            self.config.learning_rate * warmup * (FINAL_LEARNING_RATE_SHARE + (1 - FINAL_LEARNING_RATE_SHARE) * cosine)
        )

    def _windows(self, split: Split) -> TrainingWindows:
        config, max_events = self.config, self.net.config.max_events
        num_events = int((split.train_ends_U - self.dataset.offsets[:-1]).sum())
        batch_events = min(config.batch_events, max(num_events // config.min_steps_per_epoch, SMALLEST_BATCH_EVENTS))
        return TrainingWindows(self.dataset, split, self.action_codes, max_events, batch_events)

    def _show_items(self, split: Split) -> None:
        """Tell network and loss which items have events to learn from."""
        is_fitted_E = self.dataset.is_train_E(split)
        is_warm_N = np.bincount(self.dataset.items_E[is_fitted_E], minlength=self.dataset.num_items) > 0
        if self.net.content is not None:
            self.net.content.warm(is_warm_N)
        self.criterion = NextItemLoss(self.net, is_warm_N, self.config, self.device)

    def _new_optimiser(self) -> torch.optim.AdamW:
        weight_decay = self.config.weight_decay
        return torch.optim.AdamW(self.net.parameters(), betas=(0.9, 0.98), weight_decay=weight_decay, fused=True)


def _plan_epochs(config: TrainerConfig, events_per_epoch: int) -> int:
    if not config.max_events_trained:
        return config.max_epochs
    return max(1, min(config.max_epochs, round(config.max_events_trained / events_per_epoch)))


def _fingerprint(dataset: Dataset, split: Split, network: SequenceConfig, config: TrainerConfig) -> str:
    """A checkpoint continues only the run it was made by."""
    parts = (dataset.info.version, split.name, network.family, network.to_json(), config.to_json())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
