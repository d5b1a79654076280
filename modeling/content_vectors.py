"""Item vectors of a brand, for items that nobody has met yet.

Stage: features. Reads catalog.Item and the models in use; writes an artifact with item_keys_N (ascending database ids),
vectors_ND and has_vector_N, which modeling/item_likeness.py opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from catalog.models import Item
from modeling import content_runs
from modeling.artifacts import Artifact, write_artifact
from modeling.content.configs import ContentConfig
from modeling.content.pictures import SIDE
from modeling.content_models import ContentModel
from modeling.content_pictures import picture_vectors, read_squares
from modeling.histories import FloatArray, Int64Array
from modeling.progress import OnProgress, ShouldStop, TrainingPoint
from modeling.suggestions import MAX_TEXT

KIND = "item_vectors"
ENCODER_SIDE = 224


@dataclass(frozen=True)
class VectorRows:
    """What vectors are made of, in order of the ids."""

    ids_N: Int64Array
    texts: list[str]
    words: list[list[str]]
    """Category, author, tags and price band."""
    squares: list[NDArray[np.uint8] | None]
    """Decoded kept pictures; empty when nothing turns pictures into vectors."""
    text_model: Path | None
    """The classifier of categories and tags in use, whose vectors are taken."""
    picture_model: Path | None


@dataclass(frozen=True)
class FittedVectors:
    """Vectors on their way to the disk."""

    artifact: Artifact
    result: dict[str, Any]
    kind: str = KIND

    def write(self, directory: Path) -> None:
        """Publish the files."""
        write_artifact(directory, self.artifact)


def read(model: ContentModel) -> VectorRows:
    """Every item of the brand, and which models turn their texts and pictures into vectors."""
    picture_model = _files_with_vectors(ContentModel.Task.PICTURES)
    side = ENCODER_SIDE if settings.IMAGE_ENCODER_DIR else SIDE
    items = list(Item.objects.order_by("pk"))
    return VectorRows(
        ids_N=np.array([item.pk for item in items], np.int64),
        texts=[f"{item.title}\n{item.text[:MAX_TEXT]}" for item in items],
        words=[_words(item) for item in items],
        squares=read_squares([item.picture for item in items], side)
        if settings.IMAGE_ENCODER_DIR or picture_model
        else [],
        text_model=_files_with_vectors(ContentModel.Task.TAGS),
        picture_model=picture_model,
    )


def _words(item: Item) -> list[str]:
    named = {"category": item.category, "author": item.author}
    words = [f"{name}:{value}" for name, value in named.items() if value]
    words += [f"tag:{tag}" for tag in item.tags]
    return words + ([f"price:{int(item.price_fen).bit_length()}"] if item.price_fen else [])


def _files_with_vectors(task: str) -> Path | None:
    """The files of the task's model in use when it is a network; simple models have no vectors."""
    model = content_runs.live(task)
    is_net = model is not None and model.kind in ("text_cnn", "text_transformer", "picture_cnn")
    return content_runs.path_of(model) if model is not None and is_net else None


def fit(rows: VectorRows, config: ContentConfig, on_progress: OnProgress, should_stop: ShouldStop) -> FittedVectors:
    """Make the vectors: a plugged-in encoder or else the trained network or else SVD for texts; pictures; features."""
    from modeling.content import vectors

    on_progress(TrainingPoint(stage="simple"))
    parts = [vectors.features_part(rows.words), *_text_parts(rows), *_picture_parts(rows)]
    vectors_ND, has_vector_N = vectors.item_vectors(parts)
    arrays: dict[str, NDArray[Any]] = {
        "item_keys_N": rows.ids_N,
        "vectors_ND": vectors_ND,
        "has_vector_N": has_vector_N.astype(np.uint8),
    }
    result = {
        "kind": KIND,
        "num_items": len(rows.ids_N),
        "num_with_vector": int(has_vector_N.sum()),
        "width": int(vectors_ND.shape[1]),
        "parts": [{"name": part.name, "num_items": int(part.has_N.sum()), "weight": part.weight} for part in parts],
    }
    return FittedVectors(Artifact(KIND, {"parts": [part.name for part in parts]}, arrays, metrics=result), result)


def _text_parts(rows: VectorRows) -> list[Any]:
    """The encoder's vectors where one is plugged in, else the trained network's; always the hashed SVD beside them."""
    from modeling.content import vectors

    parts = [vectors.text_part(rows.texts)]
    has_N = np.array([bool(text.strip()) for text in rows.texts], np.bool_)
    if settings.TEXT_ENCODER_DIR:
        from modeling.content.encoders import load_text_encoder

        encoded = load_text_encoder(Path(settings.TEXT_ENCODER_DIR)).encode(rows.texts)
        parts.append(vectors.encoded_part("encoder", encoded, has_N))
    elif rows.text_model is not None:
        from modeling.content.fitting import load_classifier

        said = load_classifier(rows.text_model).predict(rows.texts)
        parts.append(vectors.encoded_part("text model", said.vectors_ND, has_N))
    return parts


def _picture_parts(rows: VectorRows) -> list[Any]:
    if not rows.squares:
        return []
    if settings.IMAGE_ENCODER_DIR:
        from modeling.content.encoders import load_picture_encoder

        encode = load_picture_encoder(Path(settings.IMAGE_ENCODER_DIR)).encode
    else:
        from modeling.content.fitting import load_classifier

        assert rows.picture_model is not None
        classifier = load_classifier(rows.picture_model)

        def encode(pixels_NSSC: NDArray[np.uint8]) -> FloatArray:
            return classifier.predict(pixels_NSSC).vectors_ND

    found = picture_vectors(rows.squares, encode)
    return [] if found is None else [found]


def apply(model: ContentModel) -> None:
    """Nothing to write: vectors are read where they are needed."""
