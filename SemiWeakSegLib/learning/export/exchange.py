"""A run's network as TorchScript or ONNX, written only if it reproduces the original."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from ...runs import RunFolder
from ..plan import total_strides
from ..saved_model import SavedModel, load_model

# Largest difference of the outputs, relative to their largest value.
TOLERANCE = 1e-4
OPSET = 18


class ExportError(RuntimeError):
    """An export that could not be made or would not compute what the model computes."""


def export_torchscript(run: RunFolder, file: Path | str) -> Path:
    """Write the network of a run's model as TorchScript, by tracing; returns the path.

    Input (B, C, *spatial) prepared as the plan says, output logits (B, K, *spatial). The file's
    extra entry model.json holds the plan and the classes. Raises ExportError where the traced
    network differs from the original on random input of two sizes.
    """
    file = Path(file)
    model = load_model(run.model)
    traced = trace(model)
    with replacing(file) as partial:
        described = run.model_path.read_text(encoding="utf-8")
        traced.save(str(partial), _extra_files={"model.json": described})
        require_same(model, torch.jit.load(str(partial)), "TorchScript")
    return file


def export_onnx(run: RunFolder, file: Path | str) -> Path:
    """Write the network of a run's model as ONNX with free batch and image sizes; returns the path.

    Input "image", output "logits", as in `export_torchscript`; the metadata entry model.json holds
    the plan and the classes. Raises ExportError where a package is missing (onnx and onnxscript to
    write, onnxruntime to verify) or the written network differs from the original.
    """
    _require_packages("onnx", "onnxscript", "onnxruntime")
    import onnx
    import onnxruntime

    file = Path(file)
    model = load_model(run.model)
    first, _ = example_inputs(model)
    free = {0: torch.export.Dim.DYNAMIC}
    free |= dict.fromkeys(range(2, first.ndim), torch.export.Dim.DYNAMIC)
    try:
        program = torch.onnx.export(
            model.network,
            # A batch of one would be taken for a constant.
            (first.expand(2, *first.shape[1:]).contiguous(),),
            input_names=["image"],
            output_names=["logits"],
            dynamic_shapes=(free,),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).strip().splitlines()[0]
        raise ExportError(
            f"ONNX was not written: torch cannot express the network: {reason}"
        ) from error
    described = run.model_path.read_text(encoding="utf-8")
    written = program.model_proto
    onnx.helper.set_model_props(written, {"model.json": described})
    content = written.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    require_same(
        model,
        lambda image: torch.from_numpy(session.run(None, {"image": image.numpy()})[0]),
        "ONNX",
    )
    with replacing(file) as partial:
        partial.write_bytes(content)
    return file


@torch.no_grad()
def trace(model: SavedModel) -> torch.jit.ScriptModule:
    """The network as TorchScript; ExportError where it differs from the original."""
    with warnings.catch_warnings():
        # Sizes taken for constants are what the verification is for; and TorchScript is deprecated.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(model.network, example_inputs(model)[0])
    require_same(model, traced, "TorchScript")
    return traced


def example_inputs(model: SavedModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Random input of the plan's patch size, and of another batch and spatial size."""
    generator = torch.Generator().manual_seed(0)
    patch = model.plan.patch_size
    multiples = total_strides(model.plan.network["strides"])
    other = [size + multiple for size, multiple in zip(patch, multiples, strict=True)]
    channels = model.plan.channels_in
    return (
        torch.randn(1, channels, *patch, generator=generator),
        torch.randn(2, channels, *other, generator=generator),
    )


@torch.no_grad()
def require_same(
    model: SavedModel, exported: nn.Module | Callable[[torch.Tensor], torch.Tensor], kind: str
) -> None:
    """Raise ExportError unless `exported` computes the logits of the model's network."""
    for image in example_inputs(model):
        expected, found = model.network(image), exported(image)
        size = " x ".join(str(edge) for edge in image.shape)
        if found.shape != expected.shape:
            raise ExportError(
                f"{kind} was not written: input {size} gives shape {tuple(found.shape)}, "
                f"the model {tuple(expected.shape)}"
            )
        limit = TOLERANCE * max(float(expected.abs().max()), 1e-6)
        apart = float((found - expected).abs().max())
        if not apart <= limit:
            raise ExportError(
                f"{kind} was not written: on input {size} its output differs from the model's by "
                f"{apart:.3g}, more than {limit:.3g}"
            )


@contextmanager
def replacing(file: Path):
    """A path beside `file` that takes its place when the block ends well."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        yield partial
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def _require_packages(*names: str) -> None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(
            f"ONNX needs {', '.join(missing)}: torch {torch.__version__} writes it with onnx and "
            "onnxscript, and it is written only after onnxruntime has verified it. Install with "
            f"pip install {' '.join(missing)}"
        )
