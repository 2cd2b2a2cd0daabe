"""Command lines of the processes that plan, predict, export and report: what comes after Python."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.runs.atomic import write_json
from SemiWeakSegLib.scene.case_ids import fileSafe
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.inspection import PROGRAM
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.training_request import CASE_NAMES, TrainingRequest

if TYPE_CHECKING:
    from SemiWeakSegLib.scene.study import Study

EXPORTS = {"bundle": "--bundle", "torchscript": "--torchscript", "onnx": "--onnx"}
IMAGES_RECORD = "images.json"


def environmentCommand() -> list[str]:
    """Says as JSON what is installed and on what it would train."""
    return [*PROGRAM, "environment", "--json"]


def planCommand(study: Study, request: TrainingRequest) -> list[str]:
    """Says as JSON, {"plan", "lines"}, what training would decide from the data."""
    arguments = [*PROGRAM, "plan", str(study.path), "--method", request.method, "--json"]
    arguments += ["--device", request.device]
    arguments += _option("--set", (f"{k}={_text(v)}" for k, v in request.settings.items()))
    arguments += _option("--add", map(_term, request.terms))
    return arguments + _option(
        "--plan", (f"{key}={json.dumps(value)}" for key, value in request.plan.items())
    )


def predictCommand(
    run: RunFolder,
    cases: str | Iterable[str] | Path = "unlabeled",
    device: str = "auto",
    flips: bool = False,
    largestComponent: bool = False,
    fillHoles: bool = False,
    refine: str = "",
    out: str | PathLike[str] | None = None,
) -> list[str]:
    """Predicts cases of the run's cohort, by the names in `CASE_NAMES`, or a folder's images.

    Predictions of a folder go to `newImagesFolder`, others to the run's ``predictions``, unless
    ``out`` says otherwise. ``refine``: the CRF that fits label maps to the image's edges, as
    ``methods.inference.parse_inference`` reads it ("mean_field,weight=5"); "" for none.
    """
    arguments = [*PROGRAM, "predict", str(run.path), "--device", device]
    if isinstance(cases, str) and cases not in CASE_NAMES and Path(cases).is_dir():
        cases = Path(cases)
    if isinstance(cases, Path):
        out = newImagesFolder(run, cases) if out is None else out
        arguments += ["--images", str(cases)]
    else:
        names = [cases] if isinstance(cases, str) else list(cases)
        unknown = [name for name in names if name not in CASE_NAMES]
        if unknown or not names:
            raise SceneError(
                _("Cases to predict are {known}; found {names}.").format(
                    known=", ".join(CASE_NAMES), names=", ".join(map(repr, unknown)) or "none"
                )
            )
        arguments += ["--cases", ",".join(names)]
    if out is not None:
        arguments += ["--out", str(out)]
    if refine:
        arguments += ["--refine", refine]
    chosen = {
        "--flips": flips,
        "--largest-component": largestComponent,
        "--fill-holes": fillHoles,
    }
    return arguments + [option for option, wanted in chosen.items() if wanted]


def exportCommand(run: RunFolder, kind: str, out: str | PathLike[str]) -> list[str]:
    """Exports the model: ``kind`` is bundle (a folder), torchscript or onnx (a file)."""
    if kind not in EXPORTS:
        raise SceneError(
            _("There is no export {kind!r}; models are exported as {known}.").format(
                kind=kind, known=", ".join(EXPORTS)
            )
        )
    return [*PROGRAM, "export", str(run.path), EXPORTS[kind], str(out)]


def reportCommand(run: RunFolder) -> list[str]:
    """Writes the run's report anew."""
    return [*PROGRAM, "report", str(run.path)]


def newImagesFolder(run: RunFolder, images: Path) -> Path:
    """Where predictions of a folder of new images go: a folder in ``predictions``, made here.

    A file in it remembers which images they are of, so that they can be shown later.
    """
    images = images.absolute()
    name = fileSafe(images.name)
    number = 1
    while True:
        folder = run.predictions / (name if number == 1 else f"{name}_{number}")
        known = imagesOf(folder)
        if known == images or not folder.exists():
            break
        number += 1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / IMAGES_RECORD, {"images": str(images)})
    except OSError as error:
        raise SceneError(
            _("{folder}: cannot be written ({reason}).").format(
                folder=folder, reason=error.strerror or error
            )
        ) from error
    return folder


def newImagesFolders(run: RunFolder) -> list[Path]:
    """The folders of predictions of new images in a run, by name."""
    try:
        return sorted(path for path in run.predictions.iterdir() if imagesOf(path) is not None)
    except OSError:
        return []


def imagesOf(predictions: Path) -> Path | None:
    """The folder of images that a folder of predictions is of; None for the run's own cases."""
    try:
        content = json.loads((predictions / IMAGES_RECORD).read_text(encoding="utf-8"))
        return Path(content["images"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _option(name: str, values: Iterable[str]) -> list[str]:
    values = list(values)
    return [name, *values] if values else []


def _term(term: Mapping[str, Any]) -> str:
    weight = "" if term.get("weight") is None else f":{term['weight']!r}"
    settings = term.get("settings", {})
    return ",".join([f"{term['name']}{weight}", *(f"{k}={_text(v)}" for k, v in settings.items())])


def _text(value: Any) -> str:
    """A setting's value as the command line reads it back."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
