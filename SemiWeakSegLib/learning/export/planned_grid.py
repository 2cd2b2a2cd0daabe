"""A model's preparation, prediction and way back as MONAI dictionary transforms.

The bundle carries these classes (script.py copies them with all they use), so that it computes
what `learning.predict` computes without this package being installed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import MapTransform

from ..inference import pad_to
from ..preprocess import make_layout, normalise, resample, restore


class PreparePlannedGridd(MapTransform):
    """Orient, resample and normalise a loaded image: (C, x, y, z) -> (C, units, *planned).

    plan: dimensions, orient, frame, slice_axis, spacing and intensity of the model's plan. Adds
    "<key>_layout", the way back, and "<key>_floor", the value that stands for nothing.
    """

    def __init__(self, keys: Sequence[str], plan: Mapping[str, Any]):
        super().__init__(keys)
        self.plan = SimpleNamespace(**plan)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        result = dict(data)
        for key in self.key_iterator(result):
            image = result[key]
            if len(image) != len(self.plan.intensity):
                raise ValueError(
                    f"{image.meta.get('filename_or_obj')}: {len(image)} channels; the model was "
                    f"made for {len(self.plan.intensity)}"
                )
            # MONAI's arrays are (x, y, z), the model's (z, y, x).
            array = np.asarray(image).transpose(0, *range(image.ndim - 1, 0, -1))
            layout = make_layout(geometry_of(image), self.plan)
            prepared = np.stack(
                [
                    normalise(resample(layout.split(channel), layout.planned_shape), scheme)
                    for channel, scheme in zip(array, self.plan.intensity, strict=True)
                ]
            )
            result[f"{key}_layout"] = layout
            result[f"{key}_floor"] = prepared.reshape(len(prepared), -1).min(axis=1)
            result[f"{key}_meta"] = (image.affine, dict(image.meta))
            result[key] = torch.from_numpy(prepared)
        return result


class PredictPlannedGridd(MapTransform):
    """Class probabilities of a prepared image by sliding windows: adds "pred", (K, units, ...)."""

    def __init__(
        self,
        keys: Sequence[str],
        network: torch.nn.Module,
        inferer: Callable[..., torch.Tensor],
        patch_size: Sequence[int],
        device: torch.device,
    ):
        super().__init__(keys)
        self.network, self.inferer, self.device = network, inferer, device
        self.patch_size = tuple(patch_size)

    @torch.no_grad()
    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        result = dict(data)
        self.network.eval()
        for key in self.key_iterator(result):
            units = result[key].transpose(0, 1).to(self.device)
            padded, inside = pad_to(units, self.patch_size, tuple(result[f"{key}_floor"]))
            scores = self.inferer(padded, lambda window: self.network(window).softmax(dim=1))
            result["pred"] = scores[(slice(None), slice(None), *inside)].transpose(0, 1)
        return result


class RestorePlannedGridd(MapTransform):
    """Probabilities back to the image's own grid, the most probable class of every voxel there.

    keys: the prediction; image_key: the image it belongs to, whose position it gets.
    """

    def __init__(self, keys: Sequence[str], image_key: str):
        super().__init__(keys)
        self.image_key = image_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        result = dict(data)
        affine, meta = result[f"{self.image_key}_meta"]
        for key in self.key_iterator(result):
            scores = restore(result[key], result[f"{self.image_key}_layout"])
            labels = scores.argmax(axis=0).astype(np.uint8).transpose()
            result[key] = MetaTensor(
                torch.from_numpy(labels.copy())[None],
                affine=affine,
                meta={"filename_or_obj": meta.get("filename_or_obj")},
            )
        return result


def geometry_of(image: MetaTensor) -> SimpleNamespace:
    """Size, spacing and direction (LPS, x first) of a loaded image, (C, x, y[, z])."""
    dimension = image.ndim - 1
    axes = np.asarray(image.affine, dtype=float)[:dimension, :dimension].copy()
    axes[:2] *= -1  # from RAS, NIfTI's, to LPS
    spacing = np.linalg.norm(axes, axis=0)
    return SimpleNamespace(
        size=tuple(image.shape[1:]),
        spacing=tuple(float(value) for value in spacing),
        direction=tuple(float(value) for value in (axes / spacing).ravel()),
        dimension=dimension,
    )
