"""Draw the pictures of the methods that learn from unlabeled images; see draw_methods.py.

    python Testing/draw_semi_methods.py

Predictions are made up from the truth, blurred and with noise; all that is shown of them is
computed by the functions that training uses.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from SemiWeakSegLib.cohort.phantom import make_patient
from SemiWeakSegLib.cohort.scribbles import draw_scribbles
from SemiWeakSegLib.learning.losses.adversarial import (
    CRITERIA,
    discriminator_loss,
    fooling_loss,
)
from SemiWeakSegLib.learning.losses.consistency import jensen_shannon
from SemiWeakSegLib.learning.mixing import draw_mixture
from SemiWeakSegLib.learning.pseudo_labels import (
    ClassBalancedLabeler,
    threshold_labels,
)
from SemiWeakSegLib.learning.replay import replay
from SemiWeakSegLib.learning.report.theme import LIGHT, dress, series_colour
from SemiWeakSegLib.learning.spatial import SpatialRanges, sample_transform
from SemiWeakSegLib.learning.terms.cutmix import Views, random_boxes
from SemiWeakSegLib.learning.terms.uncertainty_teacher import is_sure
from Testing.draw_methods import (
    CAVITY,
    EDGE,
    SPACING,
    heart,
    paint,
    panels,
    show,
    write,
)

CLASSES = 4
UNKNOWN = 255


def one_hot(label: np.ndarray) -> torch.Tensor:
    """(1, 4, *shape) of a label map."""
    return torch.from_numpy(np.eye(CLASSES, dtype=np.float32)[label]).movedim(-1, 0)[np.newaxis]


def predicted(label: np.ndarray, seed: int, sharpness: float = 5.0, blur: int = 7) -> torch.Tensor:
    """Probabilities (1, 4, *shape) as a half-trained network might give them."""
    source = torch.Generator().manual_seed(seed)
    edges = functional.pad(one_hot(label), (blur // 2,) * 4, mode="replicate")
    coarse = functional.avg_pool2d(edges, blur, stride=1)
    noise = torch.randn((1, CLASSES, EDGE // 8, EDGE // 8), generator=source)
    blobs = functional.interpolate(noise, label.shape, mode="bicubic")
    # The right ventricle is the class that the network is least sure of.
    trust = torch.tensor([1.2, 1.0, 0.9, 0.6]).view(1, CLASSES, 1, 1)
    return (sharpness * trust * coarse + 0.6 * blobs).softmax(dim=1)


def heat(axes: Axes, values: torch.Tensor, high: float) -> None:
    """A map of numbers from 0 to ``high``."""
    axes.imshow(values, cmap="inferno", vmin=0, vmax=high, interpolation="nearest")
    axes.set_axis_off()


def labels_on(axes: Axes, image: np.ndarray, label: torch.Tensor, background: bool = False) -> None:
    """Classes over an image."""
    show(axes, image)
    paint(axes, label.numpy(), 0.65, background)


def pseudo_labels() -> Figure:
    """What one threshold and what thresholds of the classes make of the same prediction."""
    image, label = heart()
    shares = predicted(label, seed=4)
    confidence, best = shares.max(dim=1)
    fixed, _ = threshold_labels(shares, 0.9)
    balanced = ClassBalancedLabeler(0.5, 0.5)
    balanced.start(CLASSES, shares.device)
    balanced.watch(shares)
    chosen, _ = balanced.select(shares)
    titles = ("most probable class", "its probability", "threshold 0.9", "half of each class")
    figure, axes = panels(titles)
    labels_on(axes[0], image, best[0])
    heat(axes[1], confidence[0], 1.0)
    labels_on(axes[2], image, fixed[0], background=True)
    labels_on(axes[3], image, chosen[0], background=True)
    return figure


def cutmix() -> Figure:
    """Two images with their labels, and the first with a box of the second."""
    image, label = heart()
    other = np.ascontiguousarray(image[::-1, ::-1])
    stack = torch.from_numpy(np.stack([image, other]).astype(np.float32))[:, np.newaxis]
    maps = torch.from_numpy(np.stack([label, label[::-1, ::-1]]).astype(np.int64))
    known, _ = threshold_labels(
        torch.cat([predicted(each.numpy(), seed=4 + row) for row, each in enumerate(maps)]), 0.85
    )
    views = Views(stack, known, torch.ones_like(known, dtype=torch.bool))
    boxes = random_boxes(2, label.shape, (0.3, 0.3), torch.Generator().manual_seed(3), stack.device)
    mixed = views.paste(views.turned(1), boxes)
    titles = ("image", "another image", "mixed image", "what it is learned from")
    figure, axes = panels(titles)
    show(axes[0], image)
    show(axes[1], other)
    for each in axes[2:]:
        show(each, mixed.image[0, 0].numpy())
    paint(axes[3], mixed.label[0].numpy(), 0.65, background=True)
    return figure


def transformation_consistency() -> Figure:
    """Both sides of the comparison, and where they differ inside the image."""
    image, label = heart()
    ranges = SpatialRanges(
        rotation_degrees=20.0,
        zoom=(1 / 1.2, 1.2),
        probability=1.0,
        elastic_mm=0.03 * EDGE * SPACING,
    )
    spacing = torch.full((1, 2), SPACING)
    transform = sample_transform(ranges, spacing, torch.Generator().manual_seed(7))
    picture = torch.from_numpy(image.astype(np.float32))[np.newaxis, np.newaxis]
    moved, inside = replay(transform, torch.cat([picture, predicted(label, seed=4)], dim=1))
    truth, _ = replay(transform, one_hot(label))
    # The network's own answer to the transformed image is another half-trained one.
    answer = predicted(truth[0].argmax(dim=0).numpy(), seed=9)
    distance = (moved[:, 1:] - answer).square().sum(dim=1) * inside[:, 0]
    titles = ("f(x)", "T f(x)", "f(T x)", "difference, inside")
    figure, axes = panels(titles)
    labels_on(axes[0], image, predicted(label, seed=4).argmax(dim=1)[0])
    view = moved[0, 0].numpy()
    labels_on(axes[1], view, moved[:, 1:].argmax(dim=1).masked_fill(~inside[:, 0], UNKNOWN)[0])
    labels_on(axes[2], view, answer.argmax(dim=1)[0])
    heat(axes[3], distance[0].masked_fill(~inside[0, 0], float("nan")), 0.5)
    return figure


def mixtures() -> Figure:
    """Two images, and mixtures of them by several shares."""
    image, _ = heart()
    stack = torch.from_numpy(
        np.stack([image, np.ascontiguousarray(image[:, ::-1])]).astype(np.float32)
    )[:, np.newaxis]
    shares = (1.0, 0.8, 0.5, 0.0)
    figure, axes = panels([f"λ = {share:g}" for share in shares])
    mixture = draw_mixture(2, image.shape, 0.2, torch.Generator().manual_seed(0))
    for each, share in zip(axes, shares, strict=True):
        mixture.share[:] = share
        show(each, mixture.mix(stack)[0, 0].numpy())
    return figure


def teachers() -> Figure:
    """Single answers of a teacher, how unsure their mean is, and where it is followed."""
    image, label = heart()
    passes = torch.cat([predicted(label, seed=20 + number, sharpness=4.0) for number in range(8)])
    mean = passes.mean(dim=0, keepdim=True)
    entropy = -(mean * mean.log()).sum(dim=1) / np.log(CLASSES)
    titles = (
        "one noisy answer",
        "mean of eight",
        "its entropy",
        "followed, t = 0",
        "followed, t = 0.5",
    )
    figure, axes = panels(titles, width=1.85)
    labels_on(axes[0], image, passes[:1].argmax(dim=1)[0])
    labels_on(axes[1], image, mean.argmax(dim=1)[0])
    heat(axes[2], entropy[0], 1.0)
    for each, progress in zip(axes[3:], (0.0, 0.5), strict=True):
        sure = is_sure(mean, 0.5, progress)
        labels_on(each, image, mean.argmax(dim=1).masked_fill(~sure, UNKNOWN)[0], background=True)
    return figure


def co_training() -> Figure:
    """One heart in the planes of three networks, and where their answers for a slice differ."""
    patient = make_patient(3, seed=5)
    image, label = (each["ED"] for each in (patient.images, patient.labels))
    low, high = np.percentile(image, (0.5, 99.5))
    image = np.clip((image - low) / (high - low), 0, 1)
    middle = np.round(np.argwhere(label == CAVITY).mean(axis=0)).astype(int)
    titles = ("across the 1st axis", "across the 2nd", "across the 3rd", "disagreement")
    figure, axes = panels(titles)
    for axis, each in enumerate(axes[:3]):
        cut = [slice(None)] * 3
        cut[axis] = middle[axis]
        # Slices are 8 mm apart, pixels 1.75 mm.
        aspect = 1.0 if axis == 0 else 8.0 / SPACING
        each.imshow(image[tuple(cut)], cmap="gray", vmin=0, vmax=1, aspect=aspect)
        paint(each, label[tuple(cut)], 0.5)
        each.set_aspect(aspect)
        each.set_axis_off()
    _, flat = heart()
    members = [predicted(flat, seed=30 + number) for number in range(3)]
    inside = torch.ones(1, 1, 1, dtype=torch.bool)
    rows = [
        [
            float(jensen_shannon([m[:, :, y : y + 1, x : x + 1] for m in members], inside))
            for x in range(EDGE)
        ]
        for y in range(EDGE)
    ]
    heat(axes[3], torch.tensor(rows), 0.2)
    return figure


def adversaries() -> Figure:
    """What discriminator and segmenter pay for a score, by criterion."""
    titles = ("discriminator, true map", "discriminator, predicted map", "segmenter")
    figure, axes = panels(titles, width=3.0)
    scores = torch.linspace(-3, 3, 121)
    nothing = torch.zeros(1, 1, dtype=torch.bool)
    for place, criterion in enumerate(CRITERIA):
        rows = [score.view(1, 1) for score in scores]
        # Half of the loss is that of the other side, of which no score counts here.
        real = [2 * discriminator_loss(s, s, criterion, fake_mask=nothing) for s in rows]
        fake = [2 * discriminator_loss(s, s, criterion, real_mask=nothing) for s in rows]
        fool = [fooling_loss(s, criterion) for s in rows]
        style = {"color": series_colour(place), "label": criterion}
        for each, cost in zip(axes, (real, fake, fool), strict=True):
            each.plot(scores, cost, **style)
    for each in axes:
        dress(each, LIGHT)
        each.set_ylim(-3, 5)
        each.set_xlabel("score")
    axes[0].legend(fontsize=8, frameon=False)
    return figure


def one_batch() -> Figure:
    """What is known of four images of a batch, and what they are learned by."""
    image, label = heart()
    strokes = draw_scribbles(label, (SPACING, SPACING), 0.06, np.random.default_rng(2))
    titles = ("labeled:\nsupervision", "scribbled:\nsupervision, CRF, consistency")
    titles += ("unlabeled:\nconsistency", "unlabeled:\npseudo-labels")
    figure, axes = panels(titles)
    labels_on(axes[0], image, torch.from_numpy(label), background=True)
    labels_on(axes[1], image, torch.from_numpy(strokes), background=True)
    show(axes[2], image)
    known, _ = threshold_labels(predicted(label, seed=4), 0.9)
    labels_on(axes[3], image, known[0], background=True)
    return figure


DRAWINGS = (
    pseudo_labels,
    cutmix,
    transformation_consistency,
    mixtures,
    teachers,
    co_training,
    adversaries,
    one_batch,
)


if __name__ == "__main__":
    write(DRAWINGS)
