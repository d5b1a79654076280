"""Every next-item network as it serves, by the name of its family. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping

from modeling.gru_numpy import GruRecommender
from modeling.hstu_numpy import HstuRecommender
from modeling.next_it_net_numpy import NextItNetRecommender
from modeling.sequence_numpy import SequenceRecommender
from modeling.transformer_numpy import TransformerRecommender

DEEP_RECOMMENDERS: Mapping[str, type[SequenceRecommender]] = {
    "transformer": TransformerRecommender,
    "gru": GruRecommender,
    "next_it_net": NextItNetRecommender,
    "hstu": HstuRecommender,
}
