"""Where a classifier sees a class: activation maps, what erasing brings up, and saliency."""

from __future__ import annotations

import math

import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from .classifier import TagClassifier

KINDS = ("cam", "grad_cam")
# An erased image must still look like the class at least this much to be mined further.
LEAST_PROBABILITY = 0.5
# Gaussian that makes regions of single gradients, in voxels.
SALIENCY_SIGMA = 1.0


@torch.no_grad()
def cam(network: TagClassifier, images: Tensor) -> Tensor:
    """Class activation maps, (B, C, *patch) -> (B, classes, *coarse), any sign.

    M_k(x) = sum_c w_kc A_c(x) over the last features A (Zhou et al., CVPR 2016).
    """
    return network.maps(images).float()


def grad_cam(
    network: TagClassifier,
    images: Tensor,
    layer: nn.Module | None = None,
    valid: Tensor | None = None,
) -> Tensor:
    """Grad-CAM of any layer, (B, C, *patch) -> (B, classes, *coarse), not negative.

    M_k(x) = max(0, sum_c a_kc A_c(x)), a_kc = mean over x of d logit_k / d A_c(x) (Selvaraju et
    al., ICCV 2017). ``layer``: a module of the network; None: its last features. ``valid``: as of
    `evidence`.
    """
    kept: list[Tensor] = []
    handle = (layer or network.features).register_forward_hook(
        lambda module, inputs, output: kept.append(output)
    )
    try:
        with torch.enable_grad():
            # Frozen weights would otherwise leave nothing to differentiate.
            logits = network(images.detach().requires_grad_(), valid)
    finally:
        handle.remove()
    features = kept[0]
    maps = []
    for k in range(logits.shape[1]):
        # A class's logit of one image does not depend on the others: their sum serves them all.
        gradient = torch.autograd.grad(logits[:, k].sum(), features, retain_graph=True)[0]
        shares = gradient.flatten(2).mean(dim=2).reshape(*features.shape[:2], *[1] * _ndim(images))
        maps.append((shares * features).sum(dim=1))
    return torch.stack(maps, dim=1).detach().float().relu()


def evidence(
    network: TagClassifier, images: Tensor, kind: str = "cam", valid: Tensor | None = None
) -> Tensor:
    """Maps of the image's size, (B, classes, *patch), in [0, 1]: 1 where a class is seen best.

    Negative evidence is cut off; each map is divided by its own maximum (all 0 stays 0).
    ``valid``: (B, 1, *patch) bool, the image without what pads it, which is no evidence.
    """
    if kind not in KINDS:
        raise ValueError(f"evidence {kind!r}: expected one of {', '.join(KINDS)}")
    coarse = cam(network, images) if kind == "cam" else grad_cam(network, images, valid=valid)
    mode = "trilinear" if images.ndim == 5 else "bilinear"
    size = tuple(images.shape[2:])
    maps = functional.interpolate(coarse, size=size, mode=mode, align_corners=False)
    return relative(maps if valid is None else maps * valid)


def relative(maps: Tensor) -> Tensor:
    """(B, classes, *spatial) without what is negative, each map divided by its maximum."""
    positive = maps.clamp(min=0)
    return positive / positive.amax(dim=_axes(maps), keepdim=True).clamp(min=1e-12)


@torch.no_grad()
def probabilities(network: TagClassifier, images: Tensor, valid: Tensor | None = None) -> Tensor:
    """(B, classes): how surely each image shows each class; ``valid`` as of `evidence`."""
    return network(images, valid).float().sigmoid()


def mine(
    network: TagClassifier,
    images: Tensor,
    present: Tensor,
    *,
    kind: str = "cam",
    rounds: int = 0,
    threshold: float = 0.5,
    valid: Tensor | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Evidence of the present classes, also of parts that matter only once others are erased.

    After each round the region above ``threshold`` is replaced by the image's median, and the
    image is looked at again, as long as the network still finds the class in it (Wei et al.,
    Object region mining with adversarial erasing, CVPR 2017; here one network serves all rounds).

    Args:
        images: (B, C, *patch).
        present: (B, classes) bool, classes to look for; maps of the others are 0.
        rounds: how many times the image is erased at most; 0 gives the plain maps.
        valid: (B, 1, *patch) bool, the image without what pads it.

    Returns:
        (B, classes, *patch) in [0, 1], the maximum over the rounds; and after each round that any
        image took part in the region found so far, (B, classes, *patch) bool.
    """
    inside = images if valid is None else torch.where(valid, images, torch.nan)
    fill = _spread(inside.flatten(2).nanmedian(dim=2).values, images)
    found = evidence(network, images, kind, valid) * _spread(present, images)
    regions = [found >= threshold]
    alive = present
    for _ in range(rounds):
        again = torch.zeros_like(found)
        still = torch.zeros_like(alive)
        for k in range(present.shape[1]):
            erased = torch.where(regions[-1][:, k : k + 1], fill, images)
            sure = probabilities(network, erased, valid)[:, k] >= LEAST_PROBABILITY
            still[:, k] = alive[:, k] & sure
            # What was found must not outshine what is left.
            left = evidence(network, erased, kind, valid)[:, k] * ~regions[-1][:, k]
            again[:, k] = relative(left[:, None])[:, 0]
        alive = still
        if not alive.any():
            break
        found = torch.maximum(found, again * _spread(alive, images))
        regions.append(found >= threshold)
    return found, regions


def gradient_saliency(
    network: TagClassifier,
    images: Tensor,
    valid: Tensor | None = None,
    part: tuple[slice, ...] = (slice(None),),
) -> Tensor:
    """How much each voxel matters for each class, (B, classes, *patch) in [0, 1].

    max over channels of |d logit_k / d image| (Simonyan et al., ICLR workshop 2014), smoothed by
    a Gaussian, divided by its 99th percentile and cut off at 1. ``valid`` as of `evidence`;
    ``part``: of the maps what is wanted, smoothed and compared within itself.
    """
    with torch.enable_grad():
        inputs = images.detach().requires_grad_()
        logits = network(inputs, valid)
        gradients = [
            torch.autograd.grad(logits[:, k].sum(), inputs, retain_graph=True)[0]
            for k in range(logits.shape[1])
        ]
    magnitude = torch.stack([each.abs().amax(dim=1) for each in gradients], dim=1)
    return _by_percentile(_smooth(magnitude[part]))


def contrast_saliency(images: Tensor, background: Tensor) -> Tensor:
    """How far each voxel's intensity is from the presumed background's, (B, classes, *patch).

    max over channels of |I - m_k|, m_k the median over the voxels of ``background`` (B, classes,
    *patch) of class k; smoothed, divided by its 99th percentile and cut off at 1. Region contrast
    after Cheng et al., Global contrast based salient region detection, CVPR 2011.
    """
    smooth = _smooth(images)
    maps = torch.zeros_like(background, dtype=smooth.dtype)
    for k in range(background.shape[1]):
        outside = torch.where(background[:, k : k + 1], smooth, torch.nan).flatten(2)
        middle = outside.nanmedian(dim=2).values.nan_to_num()
        middle = middle.reshape(*middle.shape, *[1] * _ndim(images))
        maps[:, k] = (smooth - middle).abs().amax(dim=1)
    return _by_percentile(maps)


def _smooth(maps: Tensor) -> Tensor:
    """A Gaussian of SALIENCY_SIGMA voxels over the spatial axes."""
    sigmas = [0.0, 0.0] + [SALIENCY_SIGMA] * _ndim(maps)
    smoothed = ndimage.gaussian_filter(maps.cpu().numpy(), sigmas, mode="nearest")
    return torch.from_numpy(smoothed).to(maps.device)


def _by_percentile(maps: Tensor) -> Tensor:
    flat = maps.flatten(2)
    rank = max(1, math.ceil(0.99 * flat.shape[2]))
    top = flat.kthvalue(rank, dim=2).values.clamp(min=1e-12)
    return (maps / top.reshape(*top.shape, *[1] * _ndim(maps))).clamp(max=1)


def _spread(values: Tensor, images: Tensor) -> Tensor:
    return values.reshape(*values.shape, *[1] * _ndim(images))


def _axes(maps: Tensor) -> tuple[int, ...]:
    return tuple(range(2, maps.ndim))


def _ndim(images: Tensor) -> int:
    return images.ndim - 2
