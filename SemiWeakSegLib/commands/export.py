"""`export`: a trained model for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SemiWeakSegLib.commands.failures import (
    FAILED,
    INPUT,
    OK,
    USAGE,
    InputError,
    missing_packages,
    reading_input,
)
from SemiWeakSegLib.commands.parser import add_command


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "export",
        run,
        summary="Export a run's model as a MONAI bundle, TorchScript or ONNX.",
        description=(
            "A bundle holds preprocessing, network and weights; monai.bundle runs it. TorchScript "
            "and ONNX hold the network, and are written only if they reproduce its output."
        ),
        examples=[
            "export runs/first --bundle heart_bundle",
            "export runs/first --torchscript heart.ts",
            "export runs/first --onnx heart.onnx",
        ],
        exit_codes=(OK, FAILED, USAGE, INPUT),
    )
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--bundle", metavar="DIR", type=Path, help="MONAI bundle")
    what.add_argument("--torchscript", metavar="FILE", type=Path, help="TorchScript file")
    what.add_argument("--onnx", metavar="FILE", type=Path, help="ONNX file")


def run(arguments: argparse.Namespace) -> int:
    """Export the model and say where it is."""
    from SemiWeakSegLib.runs import RunFolder

    if missing := missing_packages():
        raise InputError(missing)
    with reading_input():
        folder = RunFolder.open(arguments.run)
        if not (folder.model.is_dir() and any(folder.model.iterdir())):
            raise InputError(
                [f"{folder.path} has no model yet (it is {folder.state()}): train it first"]
            )
    from SemiWeakSegLib.learning import export

    if arguments.bundle is not None:
        out = arguments.bundle
        export.export_bundle(folder, out)
    elif arguments.torchscript is not None:
        out = arguments.torchscript
        export.export_torchscript(folder, out)
    else:
        out = arguments.onnx
        export.export_onnx(folder, out)
    print(out)
    return OK
