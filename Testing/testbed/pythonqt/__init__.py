"""PythonQt's manners on PySide6: what the real application refuses is refused here too.

Properties are attributes, ``connect`` takes a signature and returns True or False, enums equal
their numbers, and names that Slicer's Qt 5.15 lacks do not exist although Qt 6 has them.
"""

from __future__ import annotations

from .objects import teach_manners

__all__ = ["teach_manners"]
