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
    Measured("hippocampus", 3, "labels", 1, "supervised", (), (), 400, 3, 0.6784, 0.1063, 0.0, 0.0,
        0.0, 1.0),
    Measured("hippocampus", 3, "labels", 1, "entropy", (), (), 400, 1, 0.743, None, 0.0045, None,
        0.0496, 1.62),
    Measured("hippocampus", 3, "labels", 1, "pseudo_label", (), (), 400, 3, 0.6877, 0.1036, 0.0093,
        0.0033, 0.062, 1.93),
    Measured("hippocampus", 3, "labels", 1, "proposals", (), (), 400, 1, 0.7486, None, 0.01, None,
        0.1119, 5.0),
    Measured("hippocampus", 3, "labels", 1, "cutmix", (), (), 400, 3, 0.7048, 0.0892, 0.0264,
        0.0171, 0.176, 3.07),
    Measured("hippocampus", 3, "labels", 1, "transformation", (), (), 400, 3, 0.7137, 0.0906,
        0.0353, 0.0157, 0.2357, 3.62),
    Measured("hippocampus", 3, "labels", 1, "pi_model", (), (), 400, 1, 0.739, None, 0.0004, None,
        0.004, 2.41),
    Measured("hippocampus", 3, "labels", 1, "mean_teacher", (), (), 400, 3, 0.6868, 0.1038, 0.0084,
        0.004, 0.0558, 2.47),
    Measured("hippocampus", 3, "labels", 1, "supervised", ("augmentation=strong",), (), 400, 3,
        0.7106, 0.0931, 0.0322, 0.0133, 0.2145, 1.15),
    Measured("hippocampus", 3, "labels", 1, "cutmix", ("augmentation=strong",), (), 400, 3, 0.7277,
        0.0758, 0.0493, 0.0312, 0.3289, 3.34),
    Measured("hippocampus", 3, "labels", 1, "cutmix", (), ("transformation",), 400, 3, 0.7212,
        0.0734, 0.0428, 0.0332, 0.2855, 5.1),
    Measured("heart", 2, "labels", 1, "supervised", (), (), 400, 3, 0.5323, 0.1105, 0.0, 0.0, 0.0,
        1.0),
    Measured("heart", 2, "labels", 1, "entropy", (), (), 400, 3, 0.5669, 0.1356, 0.0346, 0.0684,
        0.0995, 1.55),
    Measured("heart", 2, "labels", 1, "pseudo_label", (), (), 400, 3, 0.7559, 0.0318, 0.2236, 0.087,
        0.6428, 1.75),
    Measured("heart", 2, "labels", 1, "proposals", (), (), 400, 3, 0.6344, 0.035, 0.1021, 0.0774,
        0.2934, 2.51),
    Measured("heart", 2, "labels", 1, "cutmix", (), (), 400, 3, 0.7192, 0.0615, 0.1869, 0.0536,
        0.5374, 2.52),
    Measured("heart", 2, "labels", 1, "transformation", (), (), 400, 3, 0.7689, 0.0318, 0.2366,
        0.0876, 0.6802, 2.59),
    Measured("heart", 2, "labels", 1, "pi_model", (), (), 400, 3, 0.5499, 0.0907, 0.0176, 0.0355,
        0.0507, 1.92),
    Measured("heart", 2, "labels", 1, "ict", (), (), 400, 3, 0.6397, 0.047, 0.1074, 0.0994, 0.3088,
        2.71),
    Measured("heart", 2, "labels", 1, "mixup", (), (), 400, 3, 0.5683, 0.0924, 0.0359, 0.0216,
        0.1033, 1.86),
    Measured("heart", 2, "labels", 1, "mean_teacher", (), (), 400, 3, 0.6958, 0.0456, 0.1635,
        0.0658, 0.47, 2.01),
    Measured("heart", 2, "labels", 1, "uncertainty_teacher", (), (), 400, 3, 0.6594, 0.0443, 0.1271,
        0.0757, 0.3654, 5.5),
    Measured("heart", 2, "labels", 1, "temporal_ensembling", (), (), 400, 3, 0.5904, 0.0684, 0.058,
        0.0426, 0.1669, 2.02),
    Measured("heart", 2, "labels", 1, "co_training", (), (), 400, 3, 0.7203, 0.0296, 0.188, 0.1102,
        0.5404, 3.54),
    Measured("heart", 2, "labels", 1, "adversarial", (), (), 400, 3, 0.5591, 0.0876, 0.0268, 0.0292,
        0.0769, 2.51),
    Measured("heart", 2, "labels", 1, "adversarial_self_training", (), (), 400, 3, 0.5789, 0.1032,
        0.0466, 0.0494, 0.1339, 2.57),
    Measured("heart", 2, "labels", 1, "curriculum_size", (), (), 400, 3, 0.5737, 0.0822, 0.0414,
        0.0283, 0.1189, 4.68),
    Measured("heart", 2, "labels", 1, "oracle_size", (), (), 400, 3, 0.8132, 0.0169, 0.2809, 0.1146,
        0.8075, 1.62),
    Measured("heart", 2, "labels", 1, "supervised", ("augmentation=strong",), (), 400, 3, 0.6782,
        0.028, 0.1459, 0.1378, 0.4194, 1.0),
    Measured("heart", 2, "labels", 1, "pseudo_label", ("teacher=own",), (), 400, 3, 0.7603, 0.025,
        0.228, 0.099, 0.6556, 1.7),
    Measured("heart", 2, "labels", 1, "pseudo_label", ("teacher=frozen",), (), 400, 3, 0.6307,
        0.0358, 0.0984, 0.0889, 0.2828, 2.24),
    Measured("heart", 2, "labels", 1, "pseudo_label", ("selection=class_balanced",), (), 400, 3,
        0.5489, 0.124, 0.0165, 0.1572, 0.0476, 1.84),
    Measured("heart", 2, "labels", 1, "co_training",
        ("agreement_weight=0", "pseudo_label_weight=0", "disagreement_weight=0"), (), 400, 3,
        0.5986, 0.079, 0.0663, 0.0328, 0.1906, 1.88),
    Measured("heart", 2, "labels", 1, "cutmix", ("augmentation=strong",), (), 400, 3, 0.806, 0.0058,
        0.2737, 0.1049, 0.787, 2.6),
    Measured("heart", 2, "labels", 1, "cutmix", (), ("transformation",), 400, 3, 0.7915, 0.026,
        0.2592, 0.0876, 0.7453, 4.07),
    Measured("heart", 2, "labels", 1, "cutmix", (), ("mean_teacher",), 400, 3, 0.6994, 0.0787,
        0.1671, 0.0516, 0.4804, 3.61),
    Measured("heart", 2, "labels", 1, "cutmix", (), ("mixup",), 400, 3, 0.7326, 0.0992, 0.2003,
        0.0315, 0.5758, 3.71),
    Measured("heart", 2, "labels", 1, "pseudo_label", (), ("transformation",), 400, 3, 0.8079,
        0.0009, 0.2756, 0.1097, 0.7923, 3.6),
    Measured("heart", 2, "labels", 2, "supervised", (), (), 400, 3, 0.7534, 0.0545, 0.0, 0.0, 0.0,
        1.0),
    Measured("heart", 2, "labels", 2, "entropy", (), (), 400, 3, 0.7377, 0.0814, -0.0157, 0.0657,
        -0.1243, 1.65),
    Measured("heart", 2, "labels", 2, "pseudo_label", (), (), 400, 3, 0.8179, 0.0313, 0.0644,
        0.0247, 0.5085, 1.87),
    Measured("heart", 2, "labels", 2, "proposals", (), (), 400, 3, 0.7757, 0.0497, 0.0223, 0.0209,
        0.1759, 2.69),
    Measured("heart", 2, "labels", 2, "cutmix", (), (), 400, 3, 0.8262, 0.033, 0.0728, 0.0216,
        0.5744, 2.72),
    Measured("heart", 2, "labels", 2, "transformation", (), (), 400, 3, 0.8359, 0.0244, 0.0824,
        0.0379, 0.6506, 2.93),
    Measured("heart", 2, "labels", 2, "pi_model", (), (), 400, 3, 0.7778, 0.0441, 0.0244, 0.0194,
        0.1923, 2.2),
    Measured("heart", 2, "labels", 2, "ict", (), (), 400, 3, 0.7706, 0.0451, 0.0172, 0.0205, 0.1358,
        2.66),
    Measured("heart", 2, "labels", 2, "mixup", (), (), 400, 3, 0.7562, 0.0453, 0.0028, 0.022,
        0.0221, 1.99),
    Measured("heart", 2, "labels", 2, "mean_teacher", (), (), 400, 3, 0.8066, 0.0333, 0.0532,
        0.0212, 0.4197, 2.55),
    Measured("heart", 2, "labels", 2, "uncertainty_teacher", (), (), 400, 3, 0.7839, 0.0452, 0.0304,
        0.0125, 0.2402, 5.95),
    Measured("heart", 2, "labels", 2, "temporal_ensembling", (), (), 400, 3, 0.767, 0.0543, 0.0136,
        0.0092, 0.1071, 1.91),
    Measured("heart", 2, "labels", 2, "co_training", (), (), 400, 3, 0.8025, 0.0383, 0.049, 0.0245,
        0.3872, 3.64),
    Measured("heart", 2, "labels", 2, "adversarial", (), (), 400, 3, 0.7475, 0.0597, -0.006, 0.0157,
        -0.0471, 2.51),
    Measured("heart", 2, "labels", 2, "adversarial_self_training", (), (), 400, 3, 0.7656, 0.0601,
        0.0122, 0.0255, 0.0963, 2.67),
    Measured("heart", 2, "labels", 2, "curriculum_size", (), (), 400, 3, 0.7436, 0.0566, -0.0098,
        0.0282, -0.0774, 8.87),
    Measured("heart", 2, "labels", 2, "oracle_size", (), (), 400, 3, 0.8378, 0.0209, 0.0844, 0.0343,
        0.6662, 1.65),
    Measured("heart", 2, "labels", 5, "supervised", (), (), 400, 3, 0.8292, 0.0268, 0.0, 0.0, 0.0,
        1.0),
    Measured("heart", 2, "labels", 5, "entropy", (), (), 400, 3, 0.8331, 0.0105, 0.0039, 0.0188,
        0.0769, 1.64),
    Measured("heart", 2, "labels", 5, "pseudo_label", (), (), 400, 3, 0.8559, 0.0077, 0.0267,
        0.0196, 0.525, 1.82),
    Measured("heart", 2, "labels", 5, "proposals", (), (), 400, 3, 0.8406, 0.0175, 0.0113, 0.0186,
        0.223, 2.69),
    Measured("heart", 2, "labels", 5, "cutmix", (), (), 400, 3, 0.8635, 0.0088, 0.0342, 0.0208,
        0.6728, 2.7),
    Measured("heart", 2, "labels", 5, "transformation", (), (), 400, 3, 0.8576, 0.0136, 0.0284,
        0.0162, 0.5581, 2.82),
    Measured("heart", 2, "labels", 5, "pi_model", (), (), 400, 3, 0.8273, 0.0238, -0.002, 0.006,
        -0.0388, 2.05),
    Measured("heart", 2, "labels", 5, "ict", (), (), 400, 3, 0.841, 0.0285, 0.0117, 0.0111, 0.2306,
        2.67),
    Measured("heart", 2, "labels", 5, "mixup", (), (), 400, 3, 0.836, 0.0261, 0.0068, 0.0024,
        0.1337, 1.91),
    Measured("heart", 2, "labels", 5, "mean_teacher", (), (), 400, 3, 0.8489, 0.0097, 0.0196,
        0.0174, 0.3858, 2.04),
    Measured("heart", 2, "labels", 5, "uncertainty_teacher", (), (), 400, 3, 0.8425, 0.0101, 0.0133,
        0.0172, 0.2615, 4.79),
    Measured("heart", 2, "labels", 5, "temporal_ensembling", (), (), 400, 3, 0.833, 0.0257, 0.0037,
        0.0037, 0.0736, 1.7),
    Measured("heart", 2, "labels", 5, "co_training", (), (), 400, 3, 0.8431, 0.0139, 0.0139, 0.0294,
        0.2732, 3.22),
    Measured("heart", 2, "labels", 5, "adversarial", (), (), 400, 3, 0.829, 0.031, -0.0002, 0.0047,
        -0.0045, 2.45),
    Measured("heart", 2, "labels", 5, "adversarial_self_training", (), (), 400, 3, 0.8344, 0.0209,
        0.0052, 0.0073, 0.1018, 2.29),
    Measured("heart", 2, "labels", 5, "curriculum_size", (), (), 400, 3, 0.8331, 0.0128, 0.0039,
        0.0156, 0.0758, 4.27),
    Measured("heart", 2, "labels", 5, "oracle_size", (), (), 400, 3, 0.8599, 0.0158, 0.0306, 0.0133,
        0.6019, 1.53),
    Measured("heart", 2, "scribbles", 5, "supervised", (), (), 400, 3, 0.6757, 0.0576, 0.0, 0.0,
        0.0, 1.0),
    Measured("heart", 2, "scribbles", 5, "scribble_crf", (), (), 400, 3, 0.804, 0.0256, 0.1283,
        0.0352, 0.6277, 1.36),
    Measured("heart", 2, "scribbles", 5, "scribble_crf", (), ("pseudo_label",), 400, 3, 0.8344,
        0.003, 0.1587, 0.0567, 0.7765, 2.93),
    Measured("heart", 2, "scribbles", 5, "scribble_crf", (), ("cutmix",), 400, 3, 0.8392, 0.0054,
        0.1635, 0.0628, 0.7997, 3.12),
    Measured("heart", 2, "scribbles", 5, "scribble_crf", (), ("mean_teacher",), 400, 3, 0.7835,
        0.0433, 0.1077, 0.0506, 0.5272, 2.34),
    Measured("heart", 2, "scribbles", 5, "scribble_crf", (), ("transformation",), 400, 3, 0.8365,
        0.014, 0.1608, 0.0437, 0.7867, 3.26),
    Measured("heart", 2, "scribbles", 5, "scribble_crf", (), ("pseudo_label", "transformation"),
        400, 3, 0.8494, 0.0046, 0.1736, 0.054, 0.8495, 4.56),
    Measured("heart", 2, "labels and scribbles", 5, "supervised", (), (), 400, 3, 0.8079, 0.0037,
        0.0, 0.0, 0.0, 1.0),
    Measured("heart", 2, "labels and scribbles", 5, "scribble_crf", (), (), 400, 3, 0.8218, 0.0384,
        0.0139, 0.0358, 0.1919, 1.19),
    Measured("heart", 2, "labels and scribbles", 5, "scribble_crf", (), ("pseudo_label",), 400, 3,
        0.8449, 0.0174, 0.037, 0.0155, 0.5121, 2.86),
    Measured("heart", 2, "labels and scribbles", 5, "scribble_crf", (), ("cutmix",), 400, 3, 0.8501,
        0.0102, 0.0422, 0.0082, 0.5848, 3.19),
    Measured("heart", 2, "labels and scribbles", 5, "scribble_crf", (), ("mean_teacher",), 400, 3,
        0.8442, 0.0179, 0.0363, 0.016, 0.502, 2.26),
    Measured("heart", 2, "labels and scribbles", 5, "scribble_crf", (), ("transformation",), 400, 3,
        0.847, 0.0184, 0.0391, 0.0172, 0.541, 3.08),
    Measured("heart", 2, "labels and scribbles", 5, "scribble_crf", (),
        ("pseudo_label", "transformation"), 400, 3, 0.8571, 0.0114, 0.0492, 0.0099, 0.6809, 4.25),
)
# fmt: on
