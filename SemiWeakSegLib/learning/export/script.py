"""The Python files of a bundle, cut out of this package's sources."""

from __future__ import annotations

import inspect

from .. import inference, layout, preprocess, view_ensemble
from . import planned_grid

HEADER = '''"""Preparation, prediction and way back of a SemiWeakSeg model, as MONAI transforms.

Written by SemiWeakSeg {version} from its own sources; needs numpy, scipy, torch and monai.
"""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import MapTransform
from torch.nn import functional

CONSTANT_BACKGROUND = {constant_background}
'''
PARTS = (
    layout.Axes,
    layout.identity_axes,
    layout.cosines_to,
    layout.canonical_axes,
    layout.Layout,
    preprocess.make_layout,
    preprocess.normalise,
    preprocess.resample,
    preprocess._interpolate,
    preprocess.restore,
    inference.pad_to,
    planned_grid.geometry_of,
    planned_grid.PreparePlannedGridd,
    planned_grid.PredictPlannedGridd,
    planned_grid.RestorePlannedGridd,
)


def standalone_script(version: str) -> str:
    """The text of scripts/planned_grid.py: all that the bundle's transforms use."""
    header = HEADER.format(version=version, constant_background=preprocess.CONSTANT_BACKGROUND)
    return "\n\n".join([header, *(inspect.getsource(part).rstrip() + "\n" for part in PARTS)])


def ensemble_script() -> str:
    """The text of scripts/view_ensemble.py: the network of co-training."""
    return inspect.getsource(view_ensemble)
