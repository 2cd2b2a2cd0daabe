"""The moving average of a network."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from SemiWeakSegLib.learning.teacher import make_average


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1))


def move(network, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in [*network.parameters(), *network.buffers()]:
            if value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=generator))
            else:
                value.add_(1)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.99])
def test_follows_the_closed_form(decay):
    network = small_network()
    average = make_average(network, decay)
    expected = None
    for step in range(30):
        move(network, step)
        average.update_parameters(network)
        weights = [each.double() for each in network.state_dict().values()]
        kept = min(1 - 1 / (step + 1), decay)
        expected = (
            weights
            if expected is None
            else [kept * old + (1 - kept) * new for old, new in zip(expected, weights, strict=True)]
        )
    names = list(network.state_dict())
    found = average.module.state_dict()
    for name, value in zip(names, expected, strict=True):
        if found[name].is_floating_point():
            assert torch.allclose(found[name].double(), value, atol=1e-5), name
        else:
            assert int(found[name]) == 30


def test_early_updates_are_the_plain_mean():
    network, seen = small_network(), []
    average = make_average(network, 0.99)
    for step in range(8):
        move(network, step)
        average.update_parameters(network)
        seen.append(network[0].weight.clone())
    assert torch.allclose(average.module[0].weight, torch.stack(seen).mean(dim=0), atol=1e-6)


def test_is_never_nought_and_starts_as_the_network():
    network = small_network()
    average = make_average(network, 0.99)
    average.update_parameters(network)
    for mine, its in zip(average.module.parameters(), network.parameters(), strict=True):
        assert torch.equal(mine, its)
    for _ in range(50):
        average.update_parameters(network)
    for mine, its in zip(average.module.parameters(), network.parameters(), strict=True):
        assert torch.allclose(mine, its, atol=1e-6)
    assert all(average.module[layer].weight.abs().sum() > 0 for layer in range(3))


def test_buffers_are_averaged():
    network = small_network()
    average = make_average(network, 0.5)
    for value in (2.0, 4.0, 8.0):
        network[1].running_mean.fill_(value)
        average.update_parameters(network)
    # 2, then (2 + 4) / 2, then (3 + 8) / 2
    assert average.module[1].running_mean.tolist() == [5.5] * 3


def test_stays_in_eval_mode_and_takes_no_gradient():
    network = small_network().train()
    average = make_average(network, 0.9)
    network.train()
    average.update_parameters(network)
    assert not any(module.training for module in average.modules())
    assert not any(each.requires_grad for each in average.parameters())
    assert network.training
    before = copy.deepcopy(average.state_dict())
    average(torch.randn(2, 1, 8, 8))
    for name, value in average.state_dict().items():
        assert torch.equal(value, before[name])


def test_goes_on_where_its_state_was_saved():
    network = small_network()
    straight, first = make_average(network, 0.9), make_average(network, 0.9)
    for step in range(10):
        move(network, step)
        straight.update_parameters(network)
        if step < 4:
            first.update_parameters(network)
            continue
        if step == 4:
            second = make_average(small_network(), 0.9)
            second.load_state_dict(first.state_dict())
        second.update_parameters(network)
    for name, value in straight.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
