"""What was measured of methods with few annotations: the figures that recommendations rest on.

The rows of `MEASURED` are written by ``python Testing/benchmarks/few_labels.py --measured`` from
the results in ``Testing/benchmarks/results``; they are not edited by hand. docs/benchmarks.md says
how they were measured.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """One method on one kind of cohort, compared seed by seed with its baseline.

    ``dimensions`` is 3 for volumes, 2 for slices of stacks. ``annotation`` is "labels",
    "scribbles" or "labels and scribbles", ``annotated`` the number of cases (of patients, where a
    patient has several) that carry it; all other training cases carry nothing. ``settings`` and
    ``terms`` are written as after ``--set`` and ``--add``. ``steps`` are those of the last
    network.

    ``dice`` is the mean over test cases, classes and seeds, in [0, 1], and ``dice_spread`` its
    standard deviation over the seeds. ``gain`` is the mean paired difference to the baseline with
    the same annotation and ``gain_spread`` its standard deviation; spreads are None where there is
    one seed. ``closed`` is the share of the gap between the baseline and full supervision that the
    gain closes, None where that is unknown. ``cost`` is the training time, the baseline's being 1,
    None where it was not measured. The baseline itself is a row with a gain of 0.
    """

    cohort: str
    dimensions: int
    annotation: str
    annotated: int
    method: str
    settings: tuple[str, ...]
    terms: tuple[str, ...]
    steps: int
    seeds: int
    dice: float
    dice_spread: float | None
    gain: float
    gain_spread: float | None
    closed: float | None
    cost: float | None


# fmt: off
MEASURED: tuple[Measured, ...] = (
    Measured("hippocampus", 3, "labels", 1, "supervised", (), (), 120, 3, 0.671, 0.0872, 0.0, 0.0,
        0.0, 1.0),
    Measured("hippocampus", 3, "labels", 1, "pseudo_label", (), (), 120, 3, 0.6756, 0.0936, 0.0046,
        0.0072, 0.0237, None),
    Measured("hippocampus", 3, "labels", 1, "proposals", (), (), 120, 3, 0.6925, 0.0921, 0.0215,
        0.0183, 0.1105, None),
    Measured("hippocampus", 3, "labels", 1, "curriculum_size", (), (), 120, 3, 0.6723, 0.0856,
        0.0012, 0.0062, 0.0064, None),
    Measured("hippocampus", 3, "labels", 1, "oracle_size", (), (), 120, 3, 0.6744, 0.0829, 0.0034,
        0.0106, 0.0174, None),
    Measured("hippocampus", 3, "labels", 2, "supervised", (), (), 120, 3, 0.7151, 0.0266, 0.0, 0.0,
        0.0, 1.0),
    Measured("hippocampus", 3, "labels", 2, "pseudo_label", (), (), 120, 3, 0.7095, 0.0347, -0.0056,
        0.0127, -0.0373, None),
    Measured("hippocampus", 3, "labels", 2, "proposals", (), (), 120, 3, 0.739, 0.0276, 0.0239,
        0.031, 0.1592, None),
    Measured("hippocampus", 3, "labels", 2, "curriculum_size", (), (), 120, 3, 0.725, 0.0266, 0.01,
        0.0223, 0.0665, None),
    Measured("hippocampus", 3, "labels", 2, "oracle_size", (), (), 120, 3, 0.7272, 0.0267, 0.0122,
        0.02, 0.0811, None),
    Measured("hippocampus", 3, "labels", 5, "supervised", (), (), 120, 3, 0.7627, 0.0209, 0.0, 0.0,
        0.0, 1.0),
    Measured("hippocampus", 3, "labels", 5, "pseudo_label", (), (), 120, 3, 0.7655, 0.0197, 0.0029,
        0.0033, 0.0279, None),
    Measured("hippocampus", 3, "labels", 5, "proposals", (), (), 120, 3, 0.7667, 0.0137, 0.004,
        0.0118, 0.0395, None),
    Measured("hippocampus", 3, "labels", 5, "curriculum_size", (), (), 120, 3, 0.7639, 0.0149,
        0.0012, 0.0174, 0.012, None),
    Measured("hippocampus", 3, "labels", 5, "oracle_size", (), (), 120, 3, 0.757, 0.0239, -0.0057,
        0.0108, -0.0555, None),
    Measured("heart", 2, "labels", 1, "supervised", (), (), 200, 3, 0.6083, 0.0286, 0.0, 0.0, 0.0,
        1.0),
    Measured("heart", 2, "labels", 1, "pseudo_label", (), (), 200, 3, 0.6667, 0.0283, 0.0584,
        0.0116, 0.1942, None),
    Measured("heart", 2, "labels", 1, "proposals", (), (), 200, 3, 0.6077, 0.0483, -0.0006, 0.0228,
        -0.0021, None),
    Measured("heart", 2, "labels", 1, "curriculum_size", (), (), 200, 3, 0.6014, 0.0443, -0.007,
        0.0161, -0.0232, None),
    Measured("heart", 2, "labels", 1, "oracle_size", (), (), 200, 3, 0.7433, 0.0123, 0.135, 0.0323,
        0.4492, None),
    Measured("heart", 2, "labels", 2, "supervised", (), (), 200, 3, 0.6844, 0.021, 0.0, 0.0, 0.0,
        1.0),
    Measured("heart", 2, "labels", 2, "pseudo_label", (), (), 200, 3, 0.7393, 0.0254, 0.0549,
        0.0049, 0.2447, None),
    Measured("heart", 2, "labels", 2, "proposals", (), (), 200, 3, 0.7244, 0.029, 0.04, 0.0092,
        0.1781, None),
    Measured("heart", 2, "labels", 2, "curriculum_size", (), (), 200, 3, 0.6758, 0.0447, -0.0086,
        0.0391, -0.0384, None),
    Measured("heart", 2, "labels", 2, "oracle_size", (), (), 200, 3, 0.7885, 0.0208, 0.1041, 0.0074,
        0.4637, None),
    Measured("heart", 2, "labels", 5, "supervised", (), (), 200, 3, 0.7381, 0.022, 0.0, 0.0, 0.0,
        1.0),
    Measured("heart", 2, "labels", 5, "pseudo_label", (), (), 200, 3, 0.7597, 0.0474, 0.0216,
        0.0295, 0.1265, None),
    Measured("heart", 2, "labels", 5, "proposals", (), (), 200, 3, 0.7471, 0.0217, 0.009, 0.0046,
        0.053, None),
    Measured("heart", 2, "labels", 5, "curriculum_size", (), (), 200, 3, 0.7569, 0.0166, 0.0189,
        0.0096, 0.1105, None),
    Measured("heart", 2, "labels", 5, "oracle_size", (), (), 200, 3, 0.7743, 0.0263, 0.0362, 0.0138,
        0.2122, None),
)
# fmt: on
