"""What is known of a case without drawing: tags, bounds of size, classes that were looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import Case, SegmentClass
from SemiWeakSegLib.panels.table_keys import TableKeys

CLASS, TAG, AT_LEAST, AT_MOST, LOOKED_AT = range(5)
NOT_SAID, PRESENT, ABSENT = range(3)
MM3_PER_ML = 1000.0
MM2_PER_CM2 = 100.0
BOUND_WIDTH = 95
DELAY_MS = 400
"""Changes are passed on when nothing more has come for this long: a held arrow key is one."""


@dataclass(frozen=True)
class Attributes:
    """The weak annotations of one case, as in ``Case``; sizes in mm³ (mm² for a 2-D image)."""

    present: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()
    sizes: dict[int, tuple[float, float]] = field(default_factory=dict)
    lookedAt: tuple[int, ...] | None = None

    @classmethod
    def ofCase(cls, case: Case) -> Attributes:
        return cls(case.present, case.absent, dict(case.sizes), case.looked_at)


class CaseAttributesTable:
    """A row of controls for each class in ``table``; ``onChanged(Attributes)`` hears of changes.

    An upper bound of 0 means none: the whole image is the bound then. Bounds of both 0 are not
    said. Bounds whose lower one exceeds the upper one are not passed on; ``problem`` says so, and
    ``onChanged`` is called for it. The keys P, A and N tag the class of the current row.
    """

    def __init__(self, table: qt.QTableWidget, onChanged: Callable[[Attributes], None]) -> None:
        self._table = table
        self._onChanged = onChanged
        self._classes: tuple[SegmentClass, ...] = ()
        self._shown = Attributes()
        self._caseId = ""
        self._wholeImage = 0.0
        self._unit = MM3_PER_ML
        self._updating = False
        self._rows: list[_Row] = []
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.connect("timeout()", self._passOn)
        self._keys = TableKeys(
            table,
            {
                "P": lambda: self._tagRow(PRESENT),
                "A": lambda: self._tagRow(ABSENT),
                "N": lambda: self._tagRow(NOT_SAID),
            },
        )
        header = table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(CLASS, qt.QHeaderView.Stretch)

    def show(
        self,
        case: Case | None,
        classes: Sequence[SegmentClass] = (),
        wholeImage: float = 0.0,
        dimension: int = 3,
    ) -> None:
        """Show a case's attributes, or nothing. ``wholeImage``: size of its image in mm³ (mm²)."""
        self.flush()
        caseId, attributes = "", None
        if case is not None:
            caseId, attributes = case.id, Attributes.ofCase(case)
        if (caseId, tuple(classes)) == (self._caseId, self._classes) and attributes == self._shown:
            return  # what is being typed stays
        self._updating = True
        try:
            self._caseId, self._wholeImage = caseId, wholeImage
            self._unit = MM2_PER_CM2 if dimension == 2 else MM3_PER_ML
            self._table.enabled = attributes is not None
            if tuple(classes) != self._classes:
                self._build(classes)
            self._shown = attributes if attributes is not None else Attributes()
            suffix = _(" cm²") if dimension == 2 else _(" mL")
            for row in self._rows:
                row.show(self._shown, self._unit, self._wholeImage, suffix)
        finally:
            self._updating = False

    @property
    def problem(self) -> str:
        """What keeps the controls from being taken over; empty when nothing does."""
        names = [row.segmentClass.name for row in self._rows if row.contradicts]
        if not names:
            return ""
        return _(
            "The lower bound exceeds the upper one for {names}; these bounds are not kept until "
            "one of them is changed."
        ).format(names=", ".join(names))

    def attributes(self) -> Attributes:
        """What the controls say."""
        said = {row.segmentClass.index: row for row in self._rows}
        tags = {index: row.tag for index, row in said.items()}
        bounds = {index: row.bounds(self._unit, self._wholeImage) for index, row in said.items()}
        looked = tuple(index for index, row in said.items() if row.lookedAt)
        return Attributes(
            present=tuple(index for index, tag in tags.items() if tag == PRESENT),
            absent=tuple(index for index, tag in tags.items() if tag == ABSENT),
            sizes={index: pair for index, pair in bounds.items() if pair is not None},
            lookedAt=None if len(looked) == len(said) else looked,
        )

    def control(self, name: str) -> qt.QWidget:
        """A control by its object name: "tag1", "lower1", "upper1" or "lookedAt1" for class 1."""
        for row in self._rows:
            if name in row.controls:
                return row.controls[name]
        raise KeyError(name)

    def flush(self) -> None:
        """Pass a change on that still waits."""
        if not self._timer.active:
            return
        self._timer.stop()
        self._passOn()

    def cleanup(self) -> None:
        self.flush()
        self._timer.disconnect("timeout()", self._passOn)
        self._keys.remove()
        self._build(())

    def _tagRow(self, tag: int) -> None:
        """Tag the class of the current row and go on to the next: one key for each class."""
        if not self._rows:
            return
        row = max(0, int(self._table.currentRow()))
        self._rows[row].tag = tag
        self._table.setCurrentCell((row + 1) % len(self._rows), CLASS)

    def _passOn(self) -> None:
        self._shown = self.attributes()
        for row in self._rows:
            row.remember(self._shown)
        self._onChanged(self._shown)

    def _changed(self, *_value) -> None:
        if not self._updating:
            self._timer.start()

    def _build(self, classes: Sequence[SegmentClass]) -> None:
        self._classes = tuple(classes)
        self._table.setRowCount(0)  # deletes the old controls
        self._table.setRowCount(len(self._classes))
        self._rows = [
            _Row(self._table, number, segmentClass, self._changed)
            for number, segmentClass in enumerate(self._classes)
        ]


class _Row:
    """The controls of one class."""

    def __init__(
        self,
        table: qt.QTableWidget,
        number: int,
        segmentClass: SegmentClass,
        changed: Callable[..., None],
    ) -> None:
        self.segmentClass = segmentClass
        self._stored: tuple[float, float] | None = None
        self._storedTexts: tuple[float, float] | None = None
        name = segmentClass.name
        item = qt.QTableWidgetItem(name)
        item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
        item.setToolTip(_("Class {index}").format(index=segmentClass.index))
        table.setItem(number, CLASS, item)

        self._tag = qt.QComboBox()
        self._tag.setObjectName(f"tag{segmentClass.index}")
        for text in (_("not said"), _("present"), _("absent")):
            self._tag.addItem(text)
        self._tag.toolTip = _("Whether {name} is anywhere in this image").format(name=name)
        self._tag.connect("currentIndexChanged(int)", changed)

        self._lower = self._bound(f"lower{segmentClass.index}", _("0"), changed)
        self._lower.toolTip = _("{name} is at least this large").format(name=name)
        self._upper = self._bound(f"upper{segmentClass.index}", _("any"), changed)
        self._upper.toolTip = _("{name} is at most this large; 0: no upper bound").format(name=name)

        self._looked = qt.QCheckBox()
        self._looked.setObjectName(f"lookedAt{segmentClass.index}")
        self._looked.toolTip = _(
            "Whether the annotator looked for {name}: where not, a voxel that is not drawn as it "
            "is not taken for something else"
        ).format(name=name)
        self._looked.connect("toggled(bool)", changed)
        columns = {
            TAG: self._tag,
            AT_LEAST: self._lower,
            AT_MOST: self._upper,
            LOOKED_AT: self._looked,
        }
        self.controls = {widget.objectName: widget for widget in columns.values()}
        for column, widget in columns.items():
            table.setCellWidget(number, column, widget)

    @staticmethod
    def _bound(name: str, zeroText: str, changed: Callable[..., None]) -> qt.QDoubleSpinBox:
        spin = qt.QDoubleSpinBox()
        spin.setObjectName(name)
        spin.setDecimals(3)
        spin.setRange(0.0, 1e6)
        spin.setSpecialValueText(zeroText)
        spin.setKeyboardTracking(False)
        spin.setMaximumWidth(BOUND_WIDTH)
        spin.connect("valueChanged(double)", changed)
        return spin

    def show(self, said: Attributes, unit: float, wholeImage: float, suffix: str) -> None:
        index = self.segmentClass.index
        present, absent = index in said.present, index in said.absent
        self._tag.setCurrentIndex(PRESENT if present else ABSENT if absent else NOT_SAID)
        lower, upper = said.sizes.get(index, (0.0, 0.0))
        self._stored = said.sizes.get(index)
        self._lower.setSuffix(suffix)
        self._upper.setSuffix(suffix)
        self._lower.setValue(lower / unit)
        self._upper.setValue(0.0 if upper >= wholeImage > 0 and lower > 0 else upper / unit)
        self._storedTexts = (self._lower.value, self._upper.value)
        self._looked.setChecked(said.lookedAt is None or index in said.lookedAt)

    def remember(self, said: Attributes) -> None:
        """The controls were taken over: these bounds are what crossed ones go back to."""
        if not self.contradicts:
            self._stored = said.sizes.get(self.segmentClass.index)
            self._storedTexts = (self._lower.value, self._upper.value)

    @property
    def tag(self) -> int:
        return int(self._tag.currentIndex)

    @tag.setter
    def tag(self, tag: int) -> None:
        self._tag.setCurrentIndex(tag)

    @property
    def lookedAt(self) -> bool:
        return bool(self._looked.checked)

    @property
    def contradicts(self) -> bool:
        return 0.0 < float(self._upper.value) < float(self._lower.value)

    def bounds(self, unit: float, wholeImage: float) -> tuple[float, float] | None:
        """Lower and upper bound in mm³ (mm²), None when neither is said."""
        lower, upper = float(self._lower.value), float(self._upper.value)
        if (lower, upper) == self._storedTexts or self.contradicts:
            return self._stored  # what is shown is rounded
        if lower == 0 and upper == 0:
            return None
        return lower * unit, upper * unit if upper > 0 else max(wholeImage, lower * unit)
