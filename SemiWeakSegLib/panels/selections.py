"""What was chosen in the Method section, as the parameter node keeps it; no Qt.

Method, settings, terms and plan are texts in the scene. A scene of another version may name what
this one does not know: that is left out and said.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from slicer.i18n import tr as _

from SemiWeakSegLib.methods import METHODS, TERMS, Settings, SettingsError, Supervised, TermRequest

PLAN_LINES = (
    "dimensions",
    "slice_axis",
    "spacing",
    "patch_size",
    "batch_labeled",
    "batch_unlabeled",
    "channels",
    "residual_units",
    "dropout",
    "mirror_axes",
    "orient",
)
"""The lines of a plan that a person may set (docs/plan.md)."""


@dataclass
class Selections:
    """The chosen method, each method's changed settings, extra terms and plan overrides.

    A term's weight is None where nobody chose one: it is the usual one of its settings and of the
    plan's dimensions. `notes` holds one sentence for each thing in the scene that could not be
    used.
    """

    method: str = Supervised.name
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    terms: list[dict[str, Any]] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def methodSettings(self) -> dict[str, Any]:
        """The changed settings of the chosen method."""
        return dict(self.settings.get(self.method, {}))


def readSelections(parameterNode: Any) -> Selections:
    """What the parameter node holds, as far as this version knows it."""
    found = Selections()
    if parameterNode.method in METHODS:
        found.method = parameterNode.method
    else:
        found.notes.append(
            _("This version has no method '{name}': {used} is chosen instead.").format(
                name=parameterNode.method, used=METHODS[found.method].title
            )
        )
    for name, values in _decode(parameterNode.settingsJson, dict, found.notes).items():
        if name not in METHODS or not isinstance(values, dict):
            found.notes.append(
                _("Settings of the unknown method '{name}' are ignored.").format(name=name)
            )
            continue
        kept = _knownSettings(METHODS[name], values, found.notes)
        if kept:
            found.settings[name] = kept
    for term in _decode(parameterNode.termsJson, list, found.notes):
        _readTerm(term, found)
    for key, value in _decode(parameterNode.planJson, dict, found.notes).items():
        if key in PLAN_LINES:
            found.plan[key] = value
        else:
            found.notes.append(
                _("The plan has no line '{name}' to set: it is ignored.").format(name=key)
            )
    return found


def writeSelections(parameterNode: Any, selections: Selections) -> None:
    """Keep the selections in the parameter node, and only write what is different."""
    settings = {name: values for name, values in selections.settings.items() if values}
    texts = {
        "method": selections.method,
        "settingsJson": json.dumps(settings, sort_keys=True),
        "termsJson": json.dumps(selections.terms),
        "planJson": json.dumps(selections.plan, sort_keys=True),
    }
    for name, text in texts.items():
        if getattr(parameterNode, name) != text:
            setattr(parameterNode, name, text)


def _readTerm(term: Any, found: Selections) -> None:
    name = term.get("name") if isinstance(term, dict) else None
    if name not in TERMS:
        found.notes.append(_("The unknown extra term '{name}' is ignored.").format(name=name))
        return
    if any(other["name"] == name for other in found.terms):
        found.notes.append(_("The term '{name}' is there twice: one is used.").format(name=name))
        return
    values = term.get("settings", {})
    settings = _knownSettings(TERMS[name], values if isinstance(values, dict) else {}, found.notes)
    weight = None
    try:
        weight = TermRequest.from_dict({"name": name, "weight": term.get("weight")}).weight
    except SettingsError as error:
        found.notes.append(str(error))
    found.terms.append({"name": name, "weight": weight, "settings": settings})


def usualWeight(name: str, settings: dict[str, Any], dimensions: int) -> float:
    """The weight of a term with these settings where nobody chose one, on slices or volumes."""
    try:
        return TERMS[name].from_dict(settings).usual_weight(dimensions)
    except SettingsError:  # settings that do not go together, said elsewhere
        return TERMS[name].default_weight


def _knownSettings(
    kind: type[Settings], values: dict[str, Any], notes: list[str]
) -> dict[str, Any]:
    """The values that `kind` takes; each of the others adds a note."""
    defaults = kind().to_dict()
    kept = {}
    for name, value in values.items():
        if name not in defaults:
            notes.append(
                _("{owner} has no setting '{name}' in this version: it is ignored.").format(
                    owner=kind.title, name=name
                )
            )
            continue
        try:
            kept[name] = getattr(kind.from_dict({name: value}), name)
        except SettingsError as error:
            # A sum of settings may be wrong while each of them is right: training says so.
            if all(not problem.startswith(f"{name} is ") for problem in error.problems):
                kept[name] = value
            else:
                notes.append(_("{problem}: the default is used.").format(problem=error))
    return {name: value for name, value in kept.items() if value != defaults[name]}


def _decode(text: str, kind: type, notes: list[str]) -> Any:
    try:
        value = json.loads(text or "null")
    except ValueError:
        value = None
    if isinstance(value, kind):
        return value
    if text:
        notes.append(_("A selection in the scene cannot be read: {text}").format(text=text[:80]))
    return kind()
