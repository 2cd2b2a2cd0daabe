"""Validation: Dice over what is annotated and was looked at."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.stages import Workshop
from SemiWeakSegLib.learning.validation import dice_by_class, validate
from SemiWeakSegLib.runs.folder import RunFolder
from Testing.learning.scans import Threshold, make_plan, make_store, save


def make_shop(folder, labels, **known):
    """Cases whose image is 10 times their true class; ``labels`` maps truth to annotation."""
    truth = np.repeat(np.array([0, 1, 2], dtype=np.uint8), 4)[None].repeat(12, axis=0)
    cases = []
    for number, annotate in enumerate(labels):
        image = save(folder / f"i{number}.mha", truth * np.float32(10))
        label = save(folder / f"l{number}.mha", annotate(truth))
        cases.append(Case(f"c{number}", (image,), label=label, role="validation", **known))
    store = make_store(folder, cases, make_plan(2, (8, 8)))
    return Workshop(
        run=RunFolder(folder / "run"),
        plan=store.plan,
        store=store,
        device=torch.device("cpu"),
        seed=0,
        labeled=[],
        dense=[],
        unlabeled=[],
        validation=list(range(len(cases))),
        emit=lambda kind, **fields: None,
    )


def everything(truth):
    return truth


def first_only(truth):
    """What someone leaves who was asked for class 1: class 2 is background to them."""
    return np.where(truth == 2, 0, truth).astype(np.uint8)


class TestDiceByClass:
    def test_equal_to_a_count_by_hand(self):
        label = torch.tensor([[0, 1, 1, 2, 255, 255]])
        prediction = torch.tensor([[1, 1, 0, 2, 1, 2]])
        assert dice_by_class(prediction, label, 4)[:2] == [2 * 1 / (2 + 2), 1.0]
        assert math.isnan(dice_by_class(prediction, label, 4)[2])


class TestValidate:
    def test_the_right_network_is_perfect(self, tmp_path):
        shop = make_shop(tmp_path, [everything])
        assert validate(Threshold([5, 15]), shop) == {
            "mean_dice": 1.0,
            "per_class": {"one": 1.0, "two": 1.0},
        }

    def test_a_class_nobody_looked_at_does_not_count(self, tmp_path):
        shop = make_shop(tmp_path, [first_only], looked_at=(1,))
        found = validate(Threshold([5, 15]), shop)
        assert found == {"mean_dice": 1.0, "per_class": {"one": 1.0, "two": None}}
        shop.store.cases[0] = dataclasses.replace(shop.store.cases[0], looked_at=None)
        assert validate(Threshold([5, 15]), shop)["mean_dice"] == 0.5

    def test_nothing_to_measure_is_none(self, tmp_path):
        shop = make_shop(tmp_path, [np.zeros_like])
        assert validate(Threshold([50, 60]), shop)["mean_dice"] is None

    def test_mean_over_cases_of_the_mean_over_classes(self, tmp_path):
        shop = make_shop(tmp_path, [everything, first_only])
        found = validate(Threshold([5, 15]), shop)
        assert found["mean_dice"] == pytest.approx((1 + 0.5) / 2)
        assert found["per_class"] == {"one": 1.0, "two": 0.5}

    def test_the_network_keeps_its_mode(self, tmp_path):
        shop, network = make_shop(tmp_path, [everything]), Threshold([5, 15])
        for mode in (True, False):
            network.train(mode)
            validate(network, shop)
            assert network.training is mode
