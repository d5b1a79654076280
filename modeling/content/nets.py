"""Networks that read rows and say their class and tags: one trainer for texts and pictures.

Stage: training and (in workers) prediction. Reads arrays; writes nothing. Shapes: N rows, B rows of a batch, C classes,
L tags, D width.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from modeling import training_runtime  # first: it sets how torch waits

# isort: split
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from modeling.content.configs import ContentConfig, NetTrainerConfig
from modeling.content.predictions import Logits
from modeling.content.targets import TRAIN, VALID, Targets
from modeling.errors import TrainingCancelled, TrainingDiverged
from modeling.nn.picture_cnn import PictureCnn, PictureCnnConfig
from modeling.nn.text_cnn import TextCnn, TextCnnConfig
from modeling.nn.text_transformer import TextTransformer, TextTransformerConfig
from modeling.progress import OnProgress, ShouldStop, TrainingPoint

_ROWS_AT_ONCE = 256


def _text_cnn(config: ContentConfig) -> nn.Module:
    return TextCnn(TextCnnConfig(token_width=config.width, width=config.width), config.vocabulary_size)


def _text_transformer(config: ContentConfig) -> nn.Module:
    shape = TextTransformerConfig(width=config.width, max_tokens=config.max_tokens)
    return TextTransformer(shape, config.vocabulary_size)


def _picture_cnn(config: ContentConfig) -> nn.Module:
    return PictureCnn(PictureCnnConfig(width=config.width))


BODIES: dict[str, Callable[[ContentConfig], nn.Module]] = {
    "text_cnn": _text_cnn,
    "text_transformer": _text_transformer,
    "picture_cnn": _picture_cnn,
}
"""Every network family: how its body is made."""


class _NoHead(nn.Module):
    """Nothing to say: zero columns."""

    def forward(self, vectors_BD: Tensor) -> Tensor:
        return vectors_BD[:, :0]


class LabelNet(nn.Module):
    """A body that turns rows into vectors, and a linear head each for the class and for the tags."""

    def __init__(self, body: nn.Module, width: int, num_classes: int, num_tags: int) -> None:
        super().__init__()
        self.body = body
        self.class_head = nn.Linear(width, num_classes) if num_classes else _NoHead()
        self.tag_head = nn.Linear(width, num_tags) if num_tags else _NoHead()
        if isinstance(self.tag_head, nn.Linear):
            nn.init.constant_(self.tag_head.bias, -4.0)  # tags are rare: begin with "no"

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(classes_BC, tags_BL, vectors_BD)."""
        vectors_BD = self.body(rows)
        return self.class_head(vectors_BD), self.tag_head(vectors_BD), vectors_BD


def make_net(kind: str, config: ContentConfig, num_classes: int, num_tags: int) -> LabelNet:
    """A fresh network of the family."""
    return LabelNet(BODIES[kind](config), config.width, num_classes, num_tags)


@dataclass(frozen=True)
class NetModel:
    """A fitted network; `arrays` are its weights."""

    kind: str
    net: LabelNet

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Weights by name."""
        return {name: tensor.detach().numpy() for name, tensor in self.net.state_dict().items()}

    @classmethod
    def load(
        cls, kind: str, config: ContentConfig, num_classes: int, num_tags: int, arrays: Mapping[str, NDArray[Any]]
    ) -> NetModel:
        """Inverse of `arrays`."""
        net = make_net(kind, config, num_classes, num_tags)
        net.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
        return cls(kind, net)

    def logits(self, rows_N: NDArray[Any]) -> Logits:
        """Of every row, batch by batch."""
        net = self.net.eval()
        parts: list[tuple[NDArray[Any], ...]] = []
        with torch.inference_mode():
            for start in range(0, max(len(rows_N), 1), _ROWS_AT_ONCE):
                said = net(torch.from_numpy(rows_N[start : start + _ROWS_AT_ONCE]))
                parts.append(tuple(tensor.numpy() for tensor in said))
        return Logits(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def fit_net(
    kind: str,
    rows_N: NDArray[Any],
    targets: Targets,
    parts_N: NDArray[np.int8],
    config: ContentConfig,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> NetModel:
    """Fit the family with early stopping on the validation rows. Raises TrainingCancelled, TrainingDiverged."""
    training_runtime.prepare(config.trainer.seed, config.trainer.num_threads)
    fit = _Fit(kind, rows_N, targets, parts_N, config)
    for epoch in range(1, config.trainer.max_epochs + 1):
        if should_stop():
            raise TrainingCancelled("Training was cancelled.")
        on_progress(fit.run_epoch(epoch))
        if fit.epochs_without_gain >= config.trainer.patience:
            break
    fit.net.load_state_dict(fit.best)
    return NetModel(kind, fit.net)


class _Fit:
    """A network on its way, and the best state of it so far."""

    def __init__(
        self, kind: str, rows_N: NDArray[Any], targets: Targets, parts_N: NDArray[np.int8], config: ContentConfig
    ) -> None:
        self.kind, self.config = kind, config
        self.net = make_net(kind, config, len(targets.classes), len(targets.tags))
        self.rows_N, self.labels = torch.from_numpy(rows_N), _Labels(targets)
        self.train, self.valid = np.flatnonzero(parts_N == TRAIN), np.flatnonzero(parts_N == VALID)
        trainer = config.trainer
        decay = trainer.weight_decay
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=trainer.learning_rate, weight_decay=decay, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.LinearLR(self.optimiser, 1.0, 0.05, trainer.max_epochs)
        self.best, self.best_loss, self.epochs_without_gain = self._copy(), math.inf, 0
        self.step, self.started = 0, time.monotonic()

    def run_epoch(self, epoch: int) -> TrainingPoint:
        """One pass over the teaching rows and a look at the validation rows."""
        trainer = self.config.trainer
        order = np.random.default_rng([trainer.seed, epoch]).permutation(self.train)
        losses = [self._train_batch(batch) for batch in _batches(order, trainer)]
        self.schedule.step()
        loss, valid_loss = float(torch.stack(losses).mean()), self._valid_loss()
        if not math.isfinite(loss + valid_loss):
            raise TrainingDiverged("The training loss is no longer a number; train with a lower learning rate.")
        if valid_loss < self.best_loss:
            self.best, self.best_loss, self.epochs_without_gain = self._copy(), valid_loss, 0
        else:
            self.epochs_without_gain += 1
        self.step += len(losses)
        elapsed = time.monotonic() - self.started
        return TrainingPoint(
            stage=self.kind,
            epoch=epoch,
            num_epochs=trainer.max_epochs,
            step=self.step,
            num_steps=len(losses) * trainer.max_epochs,
            loss=loss,
            samples_per_second=len(order) * epoch / max(elapsed, 1e-9),
            elapsed_seconds=elapsed,
            eta_seconds=elapsed / epoch * (trainer.max_epochs - epoch),
            metrics={"log_loss": valid_loss},
        )

    def _train_batch(self, batch: NDArray[np.intp]) -> Tensor:
        self.net.train()
        rows = torch.from_numpy(batch)
        classes_BC, tags_BL, _vectors = self.net(self.rows_N[rows])
        loss = self.labels.loss(rows, classes_BC, tags_BL)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        return loss.detach()

    def _valid_loss(self) -> float:
        self.net.eval()
        rows = torch.from_numpy(self.valid)
        with torch.inference_mode():
            said = [self.net(self.rows_N[some]) for some in rows.split(_ROWS_AT_ONCE)]
            classes_BC, tags_BL = (torch.cat([one[place] for one in said]) for place in (0, 1))
            return float(self.labels.loss(rows, classes_BC, tags_BL))

    def _copy(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.net.state_dict().items()}


def _batches(order: NDArray[np.intp], trainer: NetTrainerConfig) -> list[NDArray[np.intp]]:
    return np.array_split(order, max(1, math.ceil(len(order) / trainer.batch_rows)))


class _Labels:
    """The labels as tensors, and what it costs to be wrong about them."""

    def __init__(self, targets: Targets) -> None:
        self.class_N = torch.from_numpy(targets.class_N)
        self.tags_NL = torch.from_numpy(targets.tags_NL.astype(np.float32))
        self.has_tags_N = torch.from_numpy(targets.has_tags_N.astype(np.float32))
        self.weights_N = torch.from_numpy(targets.weights_N)
        self.num_tags = max(float(self.tags_NL.sum() / self.has_tags_N.sum().clamp(min=1)), 1e-9)

    def loss(self, rows: Tensor, classes_BC: Tensor, tags_BL: Tensor) -> Tensor:
        """Weighted mean log loss of the class, plus that of the tags per tag there is; the unknown costs nothing."""
        loss = torch.zeros(())
        weights_B = self.weights_N[rows]
        if classes_BC.shape[1]:
            is_known_B = (self.class_N[rows] >= 0).float() * weights_B
            each_B = functional.cross_entropy(classes_BC, self.class_N[rows].clamp(min=0), reduction="none")
            loss = loss + (each_B * is_known_B).sum() / is_known_B.sum().clamp(min=1e-6)
        if tags_BL.shape[1]:
            is_known_B = self.has_tags_N[rows] * weights_B
            each_BL = functional.binary_cross_entropy_with_logits(tags_BL, self.tags_NL[rows], reduction="none")
            loss = loss + (each_BL.sum(1) * is_known_B).sum() / is_known_B.sum().clamp(min=1e-6) / self.num_tags
        return loss
