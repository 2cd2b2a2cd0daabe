"""What must hold before a drawing is saved."""

from __future__ import annotations

from SemiWeakSegLib.scene.annotation_types import Annotation
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.label_maps import Label
from SemiWeakSegLib.scene.markup_kinds import MARKUPS
from SemiWeakSegLib.scene.texts import tr as _


def requirePresent(annotation: Annotation) -> None:
    """SceneError where the image, or the segmentation that is drawn in, has left the scene."""
    node = annotation.segmentation
    gone = None
    if annotation.volume.GetScene() is None:
        gone = annotation.volume
    elif annotation.mode not in MARKUPS and (node is None or node.GetScene() is None):
        gone = node
    if gone is not None or (annotation.mode not in MARKUPS and node is None):
        raise SceneError(
            _('Case {case}: "{name}" was removed from the scene. Open the case again.').format(
                case=annotation.case.id, name=gone.GetName() if gone is not None else "-"
            )
        )


def requireDrawn(annotation: Annotation, label: Label) -> None:
    """SceneError where no voxel would be labeled, with advice."""
    if not label.drawn:
        if annotation.mode == "scribble":
            advice = _("Draw strokes in the segments of the classes and of the background.")
        else:
            advice = _("Draw, or say by a tag that the structures are absent.")
        raise SceneError(
            _("Case {case}: nothing is drawn, so nothing was saved. {advice}").format(
                case=annotation.case.id, advice=advice
            )
        )
    if not label.counts:
        raise SceneError(
            _(
                "Case {case}: every voxel drawn belongs to two classes, so none could be saved. "
                "Erase one of the strokes."
            ).format(case=annotation.case.id)
        )
