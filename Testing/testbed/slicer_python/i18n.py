"""Translation: the text itself, as in a Slicer that runs in English."""

from __future__ import annotations

import inspect
import os


def translate(context: str, text: str) -> str:
    """The text in the application's language; asks the application where there is one."""
    import slicer

    app = getattr(slicer, "app", None)
    return app.translate(context, text) if app is not None else text


def tr(text: str) -> str:
    """Translate a text in the context of the calling file."""
    file = inspect.currentframe().f_back.f_code.co_filename
    return translate(os.path.splitext(os.path.basename(file))[0], text)
