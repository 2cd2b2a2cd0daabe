"""A trained model for other programs: MONAI bundle, TorchScript, ONNX; each checked first."""

from .bundle import export_bundle
from .exchange import ExportError, export_onnx, export_torchscript

__all__ = ["ExportError", "export_bundle", "export_onnx", "export_torchscript"]
