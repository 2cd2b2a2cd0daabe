"""The words of the table of cases, translated once: Slicer's `tr` costs more than a whole row."""

from __future__ import annotations

from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import ROLES


class RowTexts:
    """Words and sentences (with places to fill in) in the language of the application."""

    def __init__(self) -> None:
        self.titles = [_("Case"), _("Image"), _("What is known"), _("Role"), _("State")]
        self.kinds = {
            "labeled": _("labeled"),
            "scribbled": _("scribbled"),
            "boxed": _("boxed"),
            "tagged": _("tagged"),
            "unlabeled": _("nothing"),
        }
        self.roles = {"train": _("train"), "validation": _("validation"), "test": _("test")}
        self.severities = {"error": _("Error"), "warning": _("Warning")}
        self.problem = _("{severity}: found {found}; expected {expected}.")
        self.open = _("Double click opens the case with its annotation.")
        self.group = _("Patient or group: {name}")
        self.noImage = _("no image")
        self.channelFiles = _("{name} and {count} more")
        self.grid = _("{size} voxels of {spacing} mm")
        self.channels = _("{grid}, {count} channels")
        self.background = _("background")
        self.notRead = _("label not read yet")
        self.points = _("points: {counts}")
        self.boxes = _("boxes: {counts}")
        self.present = _("present: {names}")
        self.absent = _("absent: {names}")
        self.sizes = _("size bounds: {names}")
        self.truthKnown = _("truth known")
        self.truth = _("Truth, for evaluation only: {path}")
        self.label = _("Label map: {path}")
        self.share = _("{share:.3g} % of {total:,} voxels are annotated")
        self.ready = _("ready")
        self.readyTip = _("The check found nothing wrong.")
        self.unchecked = _("not checked yet")
        self.uncheckedTip = _("The files were not read yet.")

    def role(self, role: str) -> str:
        """A role's name; an unknown role (the checks report it) as it is."""
        return self.roles.get(role, role)


def roleName(role: str) -> str:
    """What a person reads for a role."""
    return RowTexts().role(role)


def shownChoices() -> list[tuple[str, str]]:
    """What the table can be narrowed to: the text to choose, and the word rows are searched for."""
    texts = RowTexts()
    return [
        (_("All cases"), ""),
        (_("With problems"), "state=problem"),
        (_("With errors"), "state=error"),
        (_("Ready"), "state=ready"),
        *((texts.kinds[kind], f"kind={kind}") for kind in ("labeled", "scribbled", "boxed")),
        (texts.kinds["tagged"], "kind=tagged"),
        (_("nothing known"), "kind=unlabeled"),
        *((texts.role(role), f"role={role}") for role in ROLES),
        (texts.truthKnown, "truth"),
    ]
