"""Values of enums that scripts name through a class, such as ``ctk.ctkPathLineEdit.Dirs``.

The record of names was made from objects, where the values of flags do not appear; Slicer's own
modules read them from the class, which is the only way they can be had here too.
"""

from __future__ import annotations

_OPTIONS = {
    "ShowDirsOnly": 1,
    "DontResolveSymlinks": 2,
    "DontConfirmOverwrite": 4,
    "DontUseSheet": 8,
    "DontUseNativeDialog": 16,
    "ReadOnly": 32,
    "HideNameFilterDetails": 64,
}
ENUMERATORS = {
    "ctkPathLineEdit": {
        **_OPTIONS,
        "Dirs": 0x001,
        "Files": 0x002,
        "Drives": 0x004,
        "NoSymLinks": 0x008,
        "AllEntries": 0x007,
        "TypeMask": 0x00F,
        "Readable": 0x010,
        "Writable": 0x020,
        "Executable": 0x040,
        "PermissionMask": 0x070,
        "Modified": 0x080,
        "Hidden": 0x100,
        "System": 0x200,
        "AccessMask": 0x3F0,
        "AllDirs": 0x400,
        "CaseSensitive": 0x800,
        "NoDotAndDotDot": 0x1000,
        "NoDot": 0x2000,
        "NoDotDot": 0x4000,
        "NoFilter": -1,
        "AdjustToContents": 0,
        "AdjustToContentsOnFirstShow": 1,
        "AdjustToMinimumContentsLength": 2,
    },
    "ctkDirectoryButton": _OPTIONS,
    "ctkDoubleSpinBox": {
        "SetAlways": 0,
        "SetIfDifferent": 1,
        "SizeHintByMinMax": 0,
        "SizeHintByValue": 1,
        "FixedDecimals": 0,
        "DecimalsByShortcuts": 1,
        "DecimalsByKey": 2,
        "DecimalsByValue": 4,
        "InsertDecimals": 8,
        "ReplaceDecimals": 16,
        "DecimalsAsMax": 32,
        "DecimalsAsMin": 64,
        "DecimalPointAlwaysVisible": 128,
    },
    "ctkSliderWidget": {"NoSynchronize": 0, "SynchronizeWidth": 1, "SynchronizeDecimals": 2},
    "ctkComboBox": {
        "NeverScroll": 0,
        "AlwaysScroll": 1,
        "ScrollWithFocus": 2,
        "ScrollWithNoVScrollBar": 3,
    },
    "qSlicerMarkupsPlaceWidget": {
        "ShowPlaceMultipleMarkupsOption": 0,
        "HidePlaceMultipleMarkupsOption": 1,
        "ForcePlaceSingleMarkup": 2,
        "ForcePlaceMultipleMarkups": 3,
    },
}
