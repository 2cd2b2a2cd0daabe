"""Translation of the texts that the scene room shows; the texts themselves outside Slicer."""

from __future__ import annotations

try:
    from slicer.i18n import tr
except ImportError:

    def tr(text: str) -> str:
        """The text as it is: there is no Slicer to translate it."""
        return text


__all__ = ["tr"]
