"""One network for "what will follow when this is shown?": history, crossed features, experts, one tower per act.

The four families differ in three places. History: its mean (shared_bottom) or target attention (Deep Interest Network,
Zhou et al., KDD 2018). Crossed features: none, or low-rank DCN-v2 layers (Wang et al., WWW 2021). Experts: one for all
(shared bottom), a mixture per act (MMoE, Ma et al., KDD 2018), or shared ones beside each act's own (PLE, Tang et al.,
RecSys 2020). The last tower says where the stay lies among stays with items of like length.
Shapes: R exposures, L events of a history, F features, D inputs, E experts, G gates, T towers (acts, then the stay).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.ranking_config import ATTENTIVE, CROSSING, RankingNetConfig
from modeling.ranking_inputs import HOUR_WIDTH, NUM_CODES, NUM_GAPS, Batch, Sizes, expert_layout


class RankingNet(nn.Module):
    """Exposures in, one logit per tower out."""

    def __init__(self, family: str, config: RankingNetConfig, sizes: Sizes) -> None:
        super().__init__()
        width = config.width
        self.family, self.config = family, config
        self.items = nn.Embedding(sizes.num_items + 1, width)
        self.facts = nn.ModuleList(nn.Embedding(num + 1, width) for num in sizes.num_facts)
        self.codes = nn.Embedding(NUM_CODES, width)
        self.gaps = nn.Embedding(NUM_GAPS, width)
        self.hours = nn.Embedding(24 * 7, HOUR_WIDTH)
        for table in (self.items, *self.facts, self.codes, self.gaps, self.hours):
            nn.init.normal_(table.weight, std=0.05)
        if family in ATTENTIVE:
            self.attention = TargetAttention(width, config.attention_hidden)
        num_inputs = 3 * width + HOUR_WIDTH + sizes.num_features
        self.norm = nn.LayerNorm(3 * width)
        num_crosses = config.num_crosses if family in CROSSING else 0
        self.crosses = nn.ModuleList(Cross(num_inputs, config.cross_rank) for _ in range(num_crosses))
        self.levels = nn.ModuleList()
        for layout in expert_layout(family, config, sizes.num_towers):
            num_in = num_inputs if not len(self.levels) else config.expert_width
            self.levels.append(Experts(num_in, config, *(torch.from_numpy(part) for part in layout)))
        self.towers = Towers(sizes.num_towers, config.expert_width, config.tower_hidden)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, batch: Batch) -> Tensor:
        """logits_RT."""
        target_RD = self.vectors(batch.items_R, batch.facts_R3)
        events_RLD = self.vectors(batch.event_items_RL, batch.event_facts_RL3)
        events_RLD = events_RLD + self.codes(batch.event_codes_RL) + self.gaps(batch.event_gaps_RL)
        weights_RL = batch.is_event_RL / batch.is_event_RL.sum(1, keepdim=True).clamp(min=1)
        if self.family in ATTENTIVE:
            weights_RL = self.attention(target_RD, events_RLD) * batch.is_event_RL
        interest_RD = torch.einsum("rl,rld->rd", weights_RL, events_RLD)
        joined = self.norm(torch.cat([target_RD, interest_RD, target_RD * interest_RD], 1))
        inputs_RD = first_RD = torch.cat([joined, self.hours(batch.hours_R), batch.features_RF], 1)
        for cross in self.crosses:
            inputs_RD = cross(first_RD, inputs_RD)
        found_RGD = inputs_RD[:, None]
        for level in self.levels:
            found_RGD = self.dropout(level(found_RGD))
        logits_RT: Tensor = self.towers(found_RGD)
        return logits_RT

    def vectors(self, items: Tensor, facts: Tensor) -> Tensor:
        """The item's own numbers plus those of its kind, category and author, so that new items are not nobodies."""
        if self.training and self.config.unknown_share:
            items = items * (torch.rand(items.shape) >= self.config.unknown_share)
        summed: Tensor = self.items(items)
        for place, table in enumerate(self.facts):
            summed = summed + table(facts[..., place])
        return summed


class TargetAttention(nn.Module):
    """How much each event of the history says about the item shown; the weights need not add up to 1 (as in DIN)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.target = nn.Linear(width, hidden)
        self.event = nn.Linear(width, hidden, bias=False)
        self.product = nn.Linear(width, hidden, bias=False)
        self.output = nn.Linear(hidden, 1)

    def forward(self, target_RD: Tensor, events_RLD: Tensor) -> Tensor:
        """weights_RL, each from 0 to 1 over the root of L."""
        product = self.product(target_RD[:, None] * events_RLD)
        hidden = functional.relu(self.target(target_RD)[:, None] + self.event(events_RLD) + product)
        weights_RL: Tensor = torch.sigmoid(self.output(hidden).squeeze(-1)) / math.sqrt(events_RLD.shape[1])
        return weights_RL


class Cross(nn.Module):
    """x0 * (U V x + b) + x: one more degree of products between inputs."""

    def __init__(self, num_inputs: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(num_inputs, rank, bias=False)
        self.up = nn.Linear(rank, num_inputs)

    def forward(self, first_RD: Tensor, x_RD: Tensor) -> Tensor:
        """Same shape as the inputs."""
        crossed: Tensor = first_RD * self.up(self.down(x_RD)) + x_RD
        return crossed


class Experts(nn.Module):
    """Two-layer networks side by side, mixed by gates. One group of inputs serves all, or each gate has its own."""

    may_use_GE: Tensor
    input_E: Tensor

    def __init__(self, num_in: int, config: RankingNetConfig, may_use_GE: Tensor, input_E: Tensor) -> None:
        super().__init__()
        num_gates, num_experts = may_use_GE.shape
        hidden, width = config.expert_hidden, config.expert_width
        self.register_buffer("may_use_GE", may_use_GE, persistent=False)
        self.register_buffer("input_E", input_E, persistent=False)
        self.first = nn.Parameter(torch.randn(num_experts, num_in, hidden) * math.sqrt(2 / num_in))
        self.first_bias = nn.Parameter(torch.zeros(num_experts, hidden))
        self.second = nn.Parameter(torch.randn(num_experts, hidden, width) * math.sqrt(2 / hidden))
        self.second_bias = nn.Parameter(torch.zeros(num_experts, width))
        self.gates = nn.Parameter(torch.zeros(num_gates, num_in, num_experts))

    def forward(self, x_RGD: Tensor) -> Tensor:
        """mixed_RGD: what each gate takes from the experts it may use."""
        has_one = x_RGD.shape[1] == 1
        x_ERD = x_RGD[:, 0].expand(len(self.first), -1, -1) if has_one else x_RGD[:, self.input_E].transpose(0, 1)
        hidden = functional.relu(torch.baddbmm(self.first_bias[:, None], x_ERD, self.first))
        out_ERD = functional.relu(torch.baddbmm(self.second_bias[:, None], hidden, self.second))
        x_GRD = x_RGD.transpose(0, 1)[: len(self.gates)].expand(len(self.gates), -1, -1)
        gates_GRE = torch.bmm(x_GRD, self.gates).masked_fill(~self.may_use_GE[:, None], -torch.inf).softmax(-1)
        mixed: Tensor = torch.einsum("gre,erd->rgd", gates_GRE, out_ERD)
        return mixed


class Towers(nn.Module):
    """A small network of its own for each act."""

    def __init__(self, num_towers: int, width: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(num_towers, width, hidden) * math.sqrt(2 / width))
        self.first_bias = nn.Parameter(torch.zeros(num_towers, hidden))
        self.second = nn.Parameter(torch.randn(num_towers, hidden) * math.sqrt(1 / hidden))
        self.second_bias = nn.Parameter(torch.zeros(num_towers))

    def forward(self, x_RTD: Tensor) -> Tensor:
        """logits_RT; one representation for all, or one per tower (those of other gates are not looked at)."""
        x_TRD = x_RTD.transpose(0, 1)[: len(self.first)].expand(len(self.first), -1, -1)
        hidden = functional.relu(torch.baddbmm(self.first_bias[:, None], x_TRD, self.first))
        return torch.einsum("trh,th->rt", hidden, self.second) + self.second_bias
