"""Every next-item network by the name of its family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modeling.item_content import ItemContent
from modeling.nn.gru import NextItemGru
from modeling.nn.hstu import NextItemHstu
from modeling.nn.next_it_net import NextItNet
from modeling.nn.next_item import NextItemNet
from modeling.nn.transformer import NextItemTransformer
from modeling.sequence_configs import SequenceConfig

NETS: Mapping[str, Callable[[Any, int, int], NextItemNet]] = {
    "transformer": NextItemTransformer,
    "gru": NextItemGru,
    "next_it_net": NextItNet,
    "hstu": NextItemHstu,
}


def make_net(
    config: SequenceConfig, num_items: int, num_actions: int, content: ItemContent | None = None
) -> NextItemNet:
    """A fresh network of the configuration's family, weights drawn from torch's generator."""
    net = NETS[config.family](config, num_items, num_actions)
    if content is not None and config.has_content and not content.is_empty:
        net.add_content(content)
    return net
