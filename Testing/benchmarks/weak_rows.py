"""The rows of the table of weak annotations: what is known, and what learns from it.

The first row of an annotation is what the others with it are compared to, and the first row of all
is full supervision.
"""

from __future__ import annotations

from rows import Row, rows
from weak_cohorts import (
    boxes_and_scribbles,
    few,
    full_labels,
    partial_labels,
    slices_as_images,
    weakened,
)

SLICES = ("dimensions=2", "slice_axis=0", "patch_size=64,48")
FEW = 10
LABELED = 5

NORMALISED_CUT = ("form=normalised_cut",)
ENTROPY = ("entropy_weight=0.1",)
MEAN_FIELD = ("inference=mean_field",)
NO_BOUNDS = ("box_weight=0", "crf_weight=0")
NO_TIGHTNESS = ("tightness_weight=0", "crf_weight=0")
BARRIER = "size:0.05,sources=labeled,penalty=log_barrier"
NO_SIZE = ("size_weight=0", "crf_weight=0")

ROWS: list[Row] = [
    Row("full", "all labels", "full supervision", full_labels, "supervised"),
    *rows(
        "scribbles, at most 1 % of the voxels",
        "scribbles",
        weakened("scribbles"),
        ("pce-dice", "partial CE + Dice", "supervised"),
        ("pce", "partial CE alone", "supervised", ("dice_weight=0",)),
        ("entropy", "+ entropy", "supervised", (), ("entropy:0.1",)),
        ("crf", "+ CRF", "scribble_crf"),
        ("crf-entropy", "+ CRF + entropy", "scribble_crf", ENTROPY),
        ("gated", "+ CRF of voxels without annotation", "scribble_crf", ("gate=unlabeled",)),
        ("grid", "+ grid CRF", "scribble_crf", ("neighbourhood=grid",)),
        ("both", "+ CRF + grid CRF", "scribble_crf", ("neighbourhood=both",)),
        ("normalised-cut", "+ normalised cut", "scribble_crf", NORMALISED_CUT),
        (
            "normalised-cut-entropy",
            "+ normalised cut + entropy",
            "scribble_crf",
            NORMALISED_CUT + ENTROPY,
        ),
        (
            "kernel-cut",
            "+ CRF + normalised cut (kernel cut)",
            "scribble_crf",
            (),
            ("crf:0.3,form=normalised_cut",),
        ),
        ("refinement", "refinement by graph cut", "refinement"),
        ("mean-field", "refinement by mean field", "refinement", MEAN_FIELD),
    ),
    *rows(
        "points, at most 0.1 % of the voxels",
        "points",
        weakened("points"),
        ("pce-dice", "partial CE + Dice", "supervised"),
        ("entropy", "+ entropy", "supervised", (), ("entropy:0.1",)),
        ("crf", "+ CRF", "scribble_crf"),
        ("crf-entropy", "+ CRF + entropy", "scribble_crf", ENTROPY),
    ),
    *rows(
        "one slice in ten",
        "slices",
        weakened("slices"),
        ("pce-dice", "partial CE + Dice", "supervised"),
        ("crf", "+ CRF", "scribble_crf"),
        ("crf-entropy", "+ CRF + entropy", "scribble_crf", ENTROPY),
    ),
    *rows(
        "extreme points, the middle, and their box",
        "extreme",
        weakened("extreme_points"),
        ("nothing", "outside and points known", "boxes", NO_BOUNDS),
        ("boxes", "+ box bounds + CRF", "boxes"),
    ),
    *rows(
        "boxes",
        "boxes",
        weakened("boxes"),
        ("outside", "outside known", "boxes", NO_BOUNDS),
        ("size", "+ size", "boxes", NO_TIGHTNESS),
        ("tightness", "+ tightness", "boxes", NO_SIZE),
        ("bounds", "+ size + tightness", "boxes", ("crf_weight=0",)),
        (
            "entropy",
            "+ size + tightness + entropy",
            "boxes",
            ("crf_weight=0", *ENTROPY),
        ),
        ("crf", "+ size + tightness + CRF", "boxes"),
        (
            "no-candidates",
            "size + tightness + CRF, no candidates",
            "boxes",
            ("candidates_weight=0",),
        ),
        ("crf-entropy", "+ size + tightness + CRF + entropy", "boxes", ENTROPY),
        ("refinement", "refinement by graph cut", "refinement"),
        ("mean-field", "refinement by mean field", "refinement", MEAN_FIELD),
    ),
    *rows(
        "boxes along each object's own axes",
        "rotated",
        weakened("rotated_boxes"),
        ("bounds", "size + tightness", "boxes", ("crf_weight=0",)),
        ("crf", "+ CRF", "boxes"),
        ("refinement", "refinement by graph cut", "refinement"),
        ("mean-field", "refinement by mean field", "refinement", MEAN_FIELD),
    ),
    *rows(
        "boxes in every slice",
        "slice-boxes",
        weakened("slice_boxes"),
        ("outside", "outside known", "boxes", NO_BOUNDS),
        ("bounds", "size + tightness", "boxes", ("crf_weight=0",)),
        ("crf", "+ CRF", "boxes"),
        ("refinement", "refinement by graph cut", "refinement"),
    ),
    *rows(
        "half of the cases boxed, half scribbled",
        "mixed",
        boxes_and_scribbles,
        ("bounds", "size + tightness", "boxes", ("crf_weight=0",)),
        ("crf", "+ CRF", "boxes"),
    ),
    Row(
        "single-slices-full",
        "single slices, full labels",
        "full supervision",
        slices_as_images(tags=False),
        "supervised",
        plan=SLICES,
    ),
    *(
        Row(
            f"tags-{key}",
            "single slices, tags alone",
            name,
            slices_as_images(tags=True),
            "tags",
            settings,
            terms=("entropy:0.1",) if key == "entropy" else (),
            plan=SLICES,
        )
        for key, name, settings in (
            ("seeds", "seeds", ("crf_weight=0", "size_weight=0")),
            ("entropy", "+ entropy", ("crf_weight=0", "size_weight=0")),
            ("crf", "+ CRF", ("size_weight=0",)),
            ("crf-bounds", "+ CRF + tag bounds", ()),
            ("erasing", "+ CRF + tag bounds + erasing", ("erasing_rounds=2",)),
            ("contrast", "+ CRF + tag bounds + saliency", ("saliency=contrast",)),
        )
    ),
    *(
        Row(
            f"partial-{key}",
            "each class in half of the cases",
            name,
            partial_labels(known=known),
            "supervised",
        )
        for key, name, known in (
            ("marginal", "marginal loss", True),
            ("as-background", "the class not looked for taken for background", False),
        )
    ),
    *rows(
        f"{FEW} cases scribbled, the others unlabeled",
        "few-scribbles",
        few("scribbles", FEW),
        ("crf", "CRF", "scribble_crf"),
        ("entropy", "+ entropy", "scribble_crf", (), ("entropy:0.1,on=unlabeled_cases",)),
        ("pseudo-labels", "+ pseudo-labels", "scribble_crf", (), ("pseudo_label:1",)),
    ),
    Row(
        "few-scribbles-size",
        f"{FEW} cases scribbled, the others unlabeled",
        "+ size bounds of the classes",
        few("scribbles", FEW, bounds=True),
        "scribble_crf",
        terms=("size:65,sources=common",),
    ),
    *rows(
        f"{FEW} cases with points, the others unlabeled",
        "few-points",
        few("points", FEW),
        ("crf", "CRF", "scribble_crf"),
        ("entropy", "+ entropy", "scribble_crf", (), ("entropy:0.1,on=unlabeled_cases",)),
        ("pseudo-labels", "+ pseudo-labels", "scribble_crf", (), ("pseudo_label:1",)),
    ),
    *rows(
        f"{FEW} cases boxed, the others unlabeled",
        "few-boxes",
        few("boxes", FEW),
        ("crf", "size + tightness + CRF", "boxes"),
        ("pseudo-labels", "+ pseudo-labels", "boxes", (), ("pseudo_label:1",)),
    ),
    *rows(
        f"{LABELED} cases labeled, the others unlabeled",
        "few-labels",
        few("full", LABELED),
        ("supervised", "supervised", "supervised"),
        *(
            (key, f"+ {name}", "supervised", (), (term,))
            for key, name, term in (
                ("entropy", "entropy", "entropy:0.1,on=unlabeled_cases"),
                ("pseudo-labels", "pseudo-labels", "pseudo_label:1"),
                ("size", "range of sizes", "size:65,sources=labeled"),
                ("barrier", "range of sizes, log-barrier", BARRIER),
                ("moments", "place and extent", "moments"),
                ("prior-l2", "proportions, L2", "prior,form=l2"),
                ("prior-kl", "proportions, KL", "prior,form=kl"),
                ("prior-reverse", "proportions, reverse KL", "prior,form=reverse_kl"),
                ("prior-aware", "proportions, prior-aware", "prior,form=prior_aware"),
                ("area", "area template", "area:1,sources=labeled"),
                ("class-ratio", "class ratio", "class_ratio"),
                ("mutual-information", "mutual information", "mutual_information"),
            )
        ),
    ),
]
