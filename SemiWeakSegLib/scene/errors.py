"""What goes wrong between the scene and the cohort, in a sentence for the user."""

from __future__ import annotations


class SceneError(ValueError):
    """Says what is wrong, in which case or file, and what to do."""
