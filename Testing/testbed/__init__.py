"""Runs Slicer's module code without Slicer: real MRML, Qt with PythonQt's manners, stand-ins.

Everything is booted once per process; calling a boot function again returns what is there.
See README.md for what is real and what is not.
"""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace

__all__ = [
    "announce",
    "boot_application",
    "boot_scene",
    "clear_scene",
    "load_module",
    "missing_application",
    "missing_scene",
    "process_events",
    "screenshot",
    "take_complaints",
]

# What has been booted; Slicer too is one scene and one application per process.
_booted = SimpleNamespace(scene=None, application=None)


def missing_scene() -> str:
    """Why no scene can be made here; empty when one can."""
    return "" if find_spec("slicer_core") else "slicer-core is not installed"


def missing_application() -> str:
    """Why no application can be made here; empty when one can."""
    return missing_scene() or ("" if find_spec("PySide6") else "PySide6 is not installed")


def boot_scene():
    """Make the scene, its logics and ``slicer.app`` without Qt; returns ``slicer.mrmlScene``."""
    if _booted.scene is None:
        from .scene import make_scene

        _booted.scene = make_scene()
    return _booted.scene.node_scene


def clear_scene() -> None:
    """Back to the nodes of the start; observers that tests left on the scene are removed."""
    if _booted.scene is not None:
        _booted.scene.clear()
    if _booted.application is not None:
        from .scripted import delete_unloaded

        delete_unloaded()
        process_events()


def take_complaints() -> list[str]:
    """What Slicer would only have printed (refused connections, exceptions in slots)."""
    from .complaints import take_complaints

    return take_complaints()


def boot_application():
    """Start Qt with PythonQt's manners on top of the scene; returns the QApplication."""
    boot_scene()
    if _booted.application is None:
        from .qt_application import start

        _booted.application = start(_booted.scene)
    return _booted.application


def load_module(path):
    """Load a scripted module from its file, in the source tree or installed."""
    boot_application()
    from .scripted import load

    return load(path)


def process_events(milliseconds: int = 0) -> None:
    """Let Qt work for at least this long, deferred deletions included."""
    boot_application()
    from .screenshots import process

    process(milliseconds)


def screenshot(widget, path):
    """Write what ``widget`` looks like to a PNG file; returns its path."""
    boot_application()
    from .screenshots import save

    return save(widget, path)


def announce(signal: str, *arguments) -> None:
    """Let ``slicer.app`` emit a signal, for example ``aboutToQuit()``."""
    import slicer

    slicer.app._announce(signal, *arguments)
