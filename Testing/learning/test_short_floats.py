"""Which numbers networks compute with, and that short ones are right where they are used."""

from __future__ import annotations

import pytest
import torch

from SemiWeakSegLib.learning import short_floats
from SemiWeakSegLib.learning.inference import infer
from SemiWeakSegLib.learning.short_floats import autocast, half_type, processor_has_bfloat16
from Testing.learning.scans import make_plan

CPU = torch.device("cpu")


def test_gpus_that_only_imitate_bfloat16_get_float16(monkeypatch):
    for native, expected in ((True, torch.bfloat16), (False, torch.float16)):
        # Asked with emulation every GPU says yes.
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda emulated=True, native=native: emulated or native
        )
        assert half_type(torch.device("cuda")) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": False, "avx2": True}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_processors_that_multiply_bfloat16_use_it(monkeypatch, found, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    monkeypatch.setattr(short_floats, "processor_has_bfloat16", processor_has_bfloat16.__wrapped__)
    assert half_type(CPU) == expected


def test_an_older_torch_computes_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(short_floats, "processor_has_bfloat16", processor_has_bfloat16.__wrapped__)
    assert half_type(CPU) == torch.float32


def test_short_floats_hardly_change_probabilities(monkeypatch):
    torch.manual_seed(0)
    network, image = torch.nn.Conv2d(1, 3, 3, padding=1), torch.randn(1, 1, 32, 32)
    found = []
    for short in (False, True):
        monkeypatch.setattr(short_floats, "processor_has_bfloat16", lambda short=short: short)
        found.append(infer(network, image, (0.0,), make_plan(2, (16, 16)), CPU))
    assert found[1].dtype == torch.float32
    assert not torch.equal(*found)
    assert torch.allclose(*found, atol=0.02)


def gradients(layer, image):
    """Of the sum of squares of what the layer gives; memory that was freed before is nan."""
    torch.full((2_000_000,), torch.nan)
    layer.zero_grad()
    image = image.clone().requires_grad_()
    with autocast(CPU):
        found = layer(image)
    found.float().square().mean().backward()
    return found, image.grad, layer.weight.grad.clone()


@pytest.mark.usefixtures("short_floats")
class TestSmallGrids:
    """What the library computes of them in bfloat16 is wrong, or overruns its memory."""

    @pytest.mark.parametrize(
        ("kind", "grid", "stride"),
        [
            (torch.nn.Conv3d, (2, 3, 2), 1),
            (torch.nn.Conv3d, (2, 4, 4), 1),
            (torch.nn.Conv3d, (2, 8, 16), 1),
            (torch.nn.Conv3d, (1, 2, 1), 2),
            (torch.nn.Conv3d, (9, 1, 3), 2),
            (torch.nn.Conv2d, (8, 1), 2),
            (torch.nn.ConvTranspose3d, (2, 3, 2), 1),
        ],
    )
    def test_gradients_are_those_of_float32(self, monkeypatch, kind, grid, stride):
        torch.manual_seed(0)
        layer = kind(32, 32, 3, stride, padding=1)
        image = torch.randn(2, 32, *grid)
        short = [gradients(layer, image) for _ in range(5)]
        monkeypatch.setattr(short_floats, "processor_has_bfloat16", lambda: False)
        exact = gradients(layer, image)
        for each in short:
            for found, expected in zip(each, exact, strict=True):
                assert torch.allclose(found, expected, rtol=1e-4, atol=1e-6)

    def test_they_are_told_by_their_shortest_axis_and_the_kernel(self):
        grids = (30, 2), (2, 30), (3, 4), (4, 9), (5, 5), (1, 30)
        made = {}
        with autocast(CPU):
            for size in (1, 3, 5):
                layer = torch.nn.Conv2d(1, 4, size, padding=size // 2)
                made[size] = [short(layer, grid) for grid in grids]
        assert made == {
            1: [True] * 6,
            3: [False, False, True, True, True, False],
            5: [False, False, False, False, True, False],
        }

    def test_all_else_is_short(self):
        with autocast(CPU):
            assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.bfloat16
            assert short(torch.nn.Conv3d(1, 1, 3, padding=1), (3, 4, 3))


def short(layer, grid):
    """Whether the layer gave short floats for such a grid."""
    return layer(torch.ones(1, 1, *grid)).dtype == torch.bfloat16
