"""``slicer.app.coreIOManager()``: reads and writes nodes and scenes with MRML's own storage nodes.

Readers and writers of the real application are Qt plugins. Those for the kinds of files listed in
READERS are replaced here; for every other kind the answer is an error, never a silent success.
"""

from __future__ import annotations

from collections.abc import Callable

from .reading import READERS, Reader
from .refusal import Refusing
from .writing import Writer


class FileManager(Reader, Writer, Refusing):
    """The part of qSlicerIOManager that scripted modules use."""

    OBSERVED_AS = "slicer.app.coreIOManager()"

    def __init__(self, scene, logics: dict, application_logic) -> None:
        self._scene = scene
        self._logics = logics
        self._application_logic = application_logic
        self._saved: list[Callable] = []
        self._loaded: list[Callable] = []

    def fileType(self, fileName: str) -> str:
        name = str(fileName).lower()
        return next((kind for extension, kind in READERS if name.endswith(extension)), "NoFile")

    def registeredFileReaderCount(self, fileType: str) -> int:
        return int(any(kind == fileType for _, kind in READERS))

    # Signals

    def emitFileSaved(self, parameters) -> None:
        for receiver in list(self._saved):
            receiver(parameters)

    def emitNewFileLoaded(self, parameters) -> None:
        for receiver in list(self._loaded):
            receiver(parameters)

    def connect(self, signal: str, receiver) -> bool:
        return self._connect(
            {
                "fileSaved(qSlicerIO::IOProperties)": self._saved,
                "newFileLoaded(qSlicerIO::IOProperties)": self._loaded,
            },
            signal,
            receiver,
        )

    def disconnect(self, signal: str, receiver=None) -> bool:
        receivers = self._saved if signal.startswith("fileSaved") else self._loaded
        return self._disconnect(receivers, receiver)
