"""Pictures of the brand: uploaded with labels, learnt, and tags suggested for items by what their pictures show.

Stage: collect, training and prediction. Reads kept pictures of items and LabelledPicture; writes LabelledPicture and
Suggestion. Pictures that lie elsewhere on the web are not fetched; SVG drawings are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext_noop as _
from numpy.typing import NDArray

from accounts.actors import Actor, record
from accounts.tenancy import current_tenant_id
from catalog.models import Item
from catalog.pictures import is_kept
from common.errors import BadInput
from common.text import new_code
from modeling.content import pictures
from modeling.content.configs import ContentConfig
from modeling.content.fitting import fit_pictures, load_classifier
from modeling.content.targets import make_targets, split_rows
from modeling.content.vectors import VectorPart, encoded_part
from modeling.content_models import ContentModel, LabelledPicture, Suggestion
from modeling.content_runs import path_of
from modeling.histories import FloatArray
from modeling.progress import OnProgress, ShouldStop
from modeling.suggestions import FittedClassifier, ItemRow, accept_probable, add, suggest

AT_ONCE = 500


@dataclass(frozen=True)
class PictureRows:
    """Decoded pictures and what is known of them."""

    keys: list[str]
    pixels_NSSC: NDArray[np.uint8]
    classes: list[str]
    tags: list[list[str]]


def upload(file: IO[bytes], by: Actor) -> tuple[int, int]:
    """Keep the pictures of a ZIP whose folders are labels; (how many new ones, how many files could not be read)."""
    from hashlib import sha256

    num_new, num_bad, num_known = 0, 0, 0
    names: list[str] = []
    try:
        with transaction.atomic():
            for label, filename, content in pictures.read_archive(file):
                try:
                    small = pictures.encode(pictures.decode(content))
                except pictures.PictureUnreadable:
                    num_bad += 1
                    continue
                digest = sha256(small).hexdigest()
                if LabelledPicture.objects.filter(sha256=digest).exists():
                    num_known += 1
                    continue
                names.append(_keep(small))
                LabelledPicture.objects.create(
                    label=label, file=names[-1], sha256=digest, filename=filename, created_by=by.label[:200]
                )
                num_new += 1
            record(by, "upload", "labelled_pictures", str(num_new))
    except BaseException as error:
        _delete_files(names)
        if isinstance(error, pictures.ArchiveUnreadable):
            raise BadInput(
                _("This is no ZIP file of pictures in folders, or it unpacks to over 512 MB. Pack it anew, in parts.")
            ) from error
        raise
    if num_bad and not num_new + num_known:
        raise BadInput(_("No file of the archive is a whole JPEG, PNG, WebP or GIF picture within the limits."))
    return num_new, num_bad


def _keep(content: bytes) -> str:
    name = f"labelled/{current_tenant_id()}/{new_code(16)}.png"
    return default_storage.save(name, ContentFile(content))


def remove_label(label: str, by: Actor) -> int:
    """Delete all uploaded pictures of a label, files included; how many."""
    with transaction.atomic():
        found = list(LabelledPicture.objects.filter(label=label).values_list("pk", "file"))
        LabelledPicture.objects.filter(pk__in=[pk for pk, _name in found]).delete()
        if found:
            record(by, "remove", "labelled_pictures", str(len(found)), name=label)
        transaction.on_commit(lambda: _delete_files([name for _pk, name in found]))
    return len(found)


def _delete_files(names: Sequence[str]) -> None:
    for name in names:
        default_storage.delete(name)


def labels() -> list[tuple[str, int]]:
    """Labels of uploaded pictures and how many each has, the fullest first."""
    counted = LabelledPicture.objects.values("label").annotate(num=Count("pk")).order_by("-num", "label")
    return list(counted.values_list("label", "num"))


def read(model: ContentModel) -> PictureRows:
    """Uploaded pictures with their label as tag; kept pictures of items with category and tags."""
    rows: list[tuple[str, NDArray[np.uint8], str, list[str]]] = []
    for code, name, label in LabelledPicture.objects.order_by("pk").values_list("code", "file", "label"):
        pixels = _read(name)
        if pixels is not None:
            rows.append((code, pixels, "", [label]))
    for item in Item.objects.exclude(picture="").order_by("pk"):
        pixels = _read(item.picture) if item.category or item.tags else None
        if pixels is not None:
            rows.append((item.external_id, pixels, item.category, item.tags))
    pixels_NSSC = _stack([row[1] for row in rows], pictures.SIDE)
    return PictureRows([row[0] for row in rows], pixels_NSSC, [row[2] for row in rows], [row[3] for row in rows])


def _read(name: str, side: int = pictures.SIDE) -> NDArray[np.uint8] | None:
    """The picture's pixels; None when it is not a kept raster picture of the brand or cannot be read."""
    tenant_id = current_tenant_id()
    is_ours = is_kept(name, tenant_id) or name.startswith(f"labelled/{tenant_id}/")
    if not is_ours or name.endswith(".svg"):
        return None
    try:
        with default_storage.open(name) as file:
            return pictures.decode(file.read(pictures.MAX_BYTES + 1), side)
    except (FileNotFoundError, pictures.PictureUnreadable):
        return None


def _stack(squares: Sequence[Any], side: int) -> NDArray[np.uint8]:
    return np.stack(squares) if len(squares) else np.empty((0, side, side, 3), np.uint8)


def fit(rows: PictureRows, config: ContentConfig, on_progress: OnProgress, should_stop: ShouldStop) -> FittedClassifier:
    """Learn what pictures show."""
    targets = make_targets(rows.classes, rows.tags)
    parts_N = split_rows(rows.keys, targets.is_labelled_N)
    return FittedClassifier(fit_pictures(rows.pixels_NSSC, targets, parts_N, config, on_progress, should_stop))


def apply(model: ContentModel) -> None:
    """Suggest tags for items that have a picture and no tags; open suggestions of earlier picture models go."""
    classifier = load_classifier(path_of(model))
    Suggestion.objects.filter(state=Suggestion.State.OPEN, model__task=model.task).delete()
    items = list(Item.objects.exclude(picture="").exclude(state=Item.State.RETIRED).filter(tags=[]).order_by("pk"))
    for start in range(0, len(items), AT_ONCE):
        found = [(item, _read(item.picture)) for item in items[start : start + AT_ONCE]]
        seen = [(item, pixels) for item, pixels in found if pixels is not None]
        if seen:
            rows = [ItemRow(item.pk, item.external_id, "", item.category, item.tags) for item, _pixels in seen]
            said = classifier.predict(_stack([pixels for _item, pixels in seen], pictures.SIDE))
            add(suggest(model, classifier, rows, said))
    accept_probable(model)


def read_squares(names: Sequence[str], side: int) -> list[NDArray[np.uint8] | None]:
    """The kept pictures of these names, decoded; None where there is none that may be read."""
    return [_read(name, side) if name else None for name in names]


def picture_vectors(
    squares: Sequence[NDArray[np.uint8] | None], encode: Callable[[NDArray[np.uint8]], FloatArray]
) -> VectorPart | None:
    """The pictures as vectors of an encoder or a trained network; None when there is no picture."""
    has_N = np.array([square is not None for square in squares], np.bool_)
    if not has_N.any():
        return None
    found = encode(np.stack([square for square in squares if square is not None]))
    vectors_NP = np.zeros((len(squares), found.shape[1]), np.float32)
    vectors_NP[has_N] = found
    return encoded_part("picture", vectors_NP, has_N)
