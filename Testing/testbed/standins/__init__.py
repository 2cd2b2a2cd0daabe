"""Stand-ins for the widgets of ctk and Slicer, made by name from the tables and from behaviours."""

from __future__ import annotations

from . import (  # noqa: F401 - each module adds its behaviours
    containers,
    dialogs,
    editor,
    hierarchy,
    nodes,
    numbers,
    paths,
    segments,
    views,
    widgets,
)
from .factory import stand_in

__all__ = ["stand_in"]
