"""A run's model as a MONAI bundle that `monai.bundle` runs without this package."""

from __future__ import annotations

import os
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser

from ... import __version__
from ...cohort import Cohort
from ...runs import RunFolder
from ...runs.atomic import plain, write_json, write_text
from ..inference import OVERLAP
from ..networks import NORMALISATIONS, is_segmenter
from ..plan import GRID_LINES
from ..saved_model import SavedModel, load_model, save_tensors
from ..view_ensemble import ViewEnsemble
from .exchange import ExportError, require_same, trace
from .readme import licence_note, readme
from .script import ensemble_script, standalone_script

ENSEMBLE = "scripts.view_ensemble.ViewEnsemble"
REQUIRED = ("nibabel", "scipy", "fire")


def export_bundle(run: RunFolder, out: Path | str) -> Path:
    """Write a MONAI bundle into a new folder `out` and return it.

    It holds configs/metadata.json, configs/inference.json, models/model.pt, models/model.ts (where
    the traced network reproduces the original), scripts/planned_grid.py, docs/README.md and
    LICENSE. Raises ExportError where `out` already holds something, or where the network that the
    bundle describes differs from the model's.
    """
    out = Path(out)
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise ExportError(f"{out} already holds something: give a new or an empty folder")
    model = load_model(run.model)
    network = network_config(model.settings)
    # The file that the bundle will carry is not there yet: the class itself stands for it.
    target = f"{ViewEnsemble.__module__}.{ViewEnsemble.__qualname__}"
    stands_in = {**network, "_target_": network["_target_"].replace(ENSEMBLE, target)}
    described = ConfigParser(stands_in).get_parsed_content()
    described.load_state_dict(model.network.state_dict())
    require_same(model, described.eval(), "The bundle")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        _write(partial, model, network, _is_synthetic(run))
        if out.is_dir():
            out.rmdir()
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out


def network_config(settings: dict[str, Any]) -> dict[str, Any]:
    """A network's settings in MONAI's own terms."""
    if not is_segmenter(settings):
        raise ExportError(f"a bundle cannot describe a network named {settings['name']!r}")
    if settings["name"] == "co_training":
        return {
            "_target_": ENSEMBLE,
            "networks": [network_config(each) for each in settings["members"]],
            "across": list(settings["across"]),
        }
    return {
        "_target_": "UNet",
        "spatial_dims": settings["dimensions"],
        "in_channels": settings["in_channels"],
        "out_channels": settings["out_channels"],
        "channels": list(settings["channels"]),
        "strides": [list(stride) for stride in settings["strides"]],
        "num_res_units": settings["residual_units"],
        "norm": plain(NORMALISATIONS[settings["normalisation"]]),
        "dropout": settings["dropout"],
    }


def inference_config(model: SavedModel, network: dict[str, Any]) -> dict[str, Any]:
    """configs/inference.json: every *.nii and *.nii.gz of dataset_dir is predicted."""
    plan = model.plan.to_dict()
    script = "scripts.planned_grid."
    return {
        "imports": [
            "$import collections",
            "$import glob",
            "$import numpy",
            "$import sys",
            "$import torch",
        ],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/input'",
        "output_dir": "$@bundle_root + '/output'",
        "data": (
            "$[{'image': path} for path in sorted(glob.glob(@dataset_dir + '/*.nii') "
            "+ glob.glob(@dataset_dir + '/*.nii.gz'))]"
        ),
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "plan": {name: plan[name] for name in GRID_LINES},
        "network_def": network,
        "network": "$@network_def.to(@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {
                    "_target_": "LoadImaged",
                    "keys": "image",
                    "reader": "NibabelReader",
                    "ensure_channel_first": True,
                },
                {"_target_": f"{script}PreparePlannedGridd", "keys": "image", "plan": "@plan"},
            ],
        },
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": plan["patch_size"],
            "sw_batch_size": plan["batch_labeled"],
            "overlap": OVERLAP,
            "mode": "gaussian",
        },
        "prediction": {
            "_target_": f"{script}PredictPlannedGridd",
            "keys": "image",
            "network": "@network",
            "inferer": "@inferer",
            "patch_size": plan["patch_size"],
            "device": "@device",
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": f"{script}RestorePlannedGridd", "keys": "pred", "image_key": "image"},
                {
                    "_target_": "SaveImaged",
                    "keys": "pred",
                    "output_dir": "@output_dir",
                    "output_postfix": "",
                    "output_ext": ".nii.gz",
                    "output_dtype": "$numpy.uint8",
                    "resample": False,
                    "squeeze_end_dims": False,
                    "separate_folder": False,
                },
            ],
        },
        "pipeline": {
            "_target_": "Compose",
            "transforms": ["@preprocessing", "@prediction", "@postprocessing"],
        },
        "initialize": [
            "$sys.path.insert(0, @bundle_root)",
            (
                "$@network.load_state_dict(torch.load(@bundle_root + '/models/model.pt', "
                "map_location=@device, weights_only=True))"
            ),
        ],
        # A deque of length 0 lets each case go when it is written.
        "run": ["$collections.deque(map(@pipeline, @data), maxlen=0)"],
    }


def metadata_config(model: SavedModel, synthetic: bool) -> dict[str, Any]:
    """configs/metadata.json: versions, purpose, and what goes into and comes out of the network."""
    plan = model.plan
    names = ["background", *(_inert(each.name) for each in model.classes)]
    data = "Trained on synthetic images. " if synthetic else ""
    return {
        "version": "1.0.0",
        "changelog": {"1.0.0": "first export"},
        "monai_version": metadata.version("monai"),
        "pytorch_version": torch.__version__.split("+")[0],
        "numpy_version": metadata.version("numpy"),
        "required_packages_version": {name: _version(name) for name in REQUIRED},
        "task": "segmentation",
        "description": f"{data}Segments {', '.join(names[1:])}. Exported by SemiWeakSeg.",
        "authors": "the people who trained it",
        "copyright": "see LICENSE",
        "intended_use": "Research. Not tested for the care of patients.",
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "magnitude",
                    "modality": "n/a",
                    "num_channels": plan.channels_in,
                    "spatial_shape": list(plan.patch_size),
                    "dtype": "float32",
                    "value_range": [],
                    "is_patch_data": True,
                    "channel_def": {str(n): f"channel {n}" for n in range(plan.channels_in)},
                }
            },
            "outputs": {
                "pred": {
                    "type": "image",
                    "format": "segmentation",
                    "num_channels": len(names),
                    "spatial_shape": list(plan.patch_size),
                    "dtype": "float32",
                    "value_range": [],
                    "is_patch_data": True,
                    "channel_def": {str(n): name for n, name in enumerate(names)},
                }
            },
        },
    }


def _write(folder: Path, model: SavedModel, network: dict[str, Any], synthetic: bool) -> None:
    for name in ("configs", "docs", "models", "scripts"):
        (folder / name).mkdir(parents=True)
    write_json(folder / "configs" / "metadata.json", metadata_config(model, synthetic))
    write_json(folder / "configs" / "inference.json", inference_config(model, network))
    save_tensors(folder / "models" / "model.pt", model.network.state_dict())
    why_no_torchscript = ""
    try:
        trace(model).save(str(folder / "models" / "model.ts"))
    except (ExportError, RuntimeError) as error:
        why_no_torchscript = str(error)
    write_text(folder / "scripts" / "planned_grid.py", standalone_script(__version__))
    if isinstance(model.network, ViewEnsemble):
        write_text(folder / "scripts" / "view_ensemble.py", ensemble_script())
    write_text(folder / "scripts" / "__init__.py", "")
    write_text(folder / "docs" / "README.md", readme(model, synthetic, why_no_torchscript))
    write_text(folder / "LICENSE", licence_note())


def _is_synthetic(run: RunFolder) -> bool:
    """Whether the run's cohort says that its images are made up."""
    if not run.cohort_path.exists():
        return False
    cohort = Cohort.load(run.cohort_path)
    texts = [cohort.description, *(case.id for case in cohort.cases)]
    return any(word in text.lower() for text in texts for word in ("synthetic", "phantom"))


def _inert(name: str) -> str:
    """A name that MONAI's configuration reader takes for text: $, @ and % would start something."""
    return f"class {name}" if name.startswith(("$", "@", "%")) else name


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "any"
