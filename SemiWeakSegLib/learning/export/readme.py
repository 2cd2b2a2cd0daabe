"""The words that go with a bundle: what it is, how to run it, where it differs, its licence."""

from __future__ import annotations

from ..saved_model import SavedModel
from ..view_ensemble import ViewEnsemble


def readme(model: SavedModel, synthetic: bool, why_no_torchscript: str) -> str:
    """docs/README.md of a bundle."""
    plan = model.plan
    rows = "\n".join(f"| {each.index} | {each.name} |" for each in model.classes)
    spacing = " x ".join(f"{value:g}" for value in plan.spacing)
    patch = " x ".join(str(size) for size in plan.patch_size)
    kind = "2-D slices" if plan.dimensions == 2 else "3-D volumes"
    several = ""
    if isinstance(model.network, ViewEnsemble):
        several = "- `scripts/view_ensemble.py`: the networks of co-training, whose mean segments\n"
    made_up = "\nIt was trained on **synthetic** images: no use on patients.\n" if synthetic else ""
    torchscript = (
        f"`models/model.ts` is not there: {why_no_torchscript}"
        if why_no_torchscript
        else "`models/model.ts` is the same network as TorchScript, checked against the original "
        "on random input of two sizes. It takes prepared patches and gives logits."
    )
    return f"""# A segmentation model exported by SemiWeakSeg

Research use. Not tested for the care of patients.
{made_up}
| value | structure |
|---|---|
| 0 | background |
{rows}

The network sees {kind} of {patch} voxels at {spacing} mm (array order: slowest axis first), with
{plan.channels_in} channel(s).

## Run it

It needs torch, monai, scipy, nibabel and fire, not SemiWeakSeg:

```
cd BUNDLE
python -m monai.bundle run --config_file configs/inference.json --bundle_root . \\
    --dataset_dir IMAGES --output_dir LABELS
```

Every `*.nii` and `*.nii.gz` in IMAGES becomes a label map of the same name in LABELS, on the
image's own grid. Several channels are the fourth axis of one file.

## What is inside

- `configs/inference.json`: the steps, each can be overridden on the command line
- `configs/metadata.json`: versions, classes, shapes
- `models/model.pt`: the weights, tensors only
- `scripts/planned_grid.py`: orientation, resampling, intensities, and the way back, cut out of
  SemiWeakSeg's sources
{several}- {torchscript}

## Where it differs from `python -m SemiWeakSegLib predict`

- It reads NIfTI through nibabel; SemiWeakSeg also reads NRRD, MetaImage, DICOM, PNG and TIFF.
- A 2-D image becomes a label map of a single slice.
- It writes label maps only: no uncertainty maps, no scores.
- No averaging over flips, no largest component, no filling of holes.
- It computes in float32. SemiWeakSeg uses bfloat16 on GPUs and on processors that have
  instructions for it, so voxels on a boundary may differ. Elsewhere both give the same labels up to
  rounding.
"""


def licence_note() -> str:
    """LICENSE of a bundle."""
    return """\
The weights in models/ belong to those who trained them; they may be bound by the terms of the
images they were trained on. Put your licence here before you share this bundle.

The files in scripts/ are part of SemiWeakSeg and come under the Apache License, Version 2.0:
http://www.apache.org/licenses/LICENSE-2.0
"""
