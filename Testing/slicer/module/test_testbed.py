"""What the testbed promises about Qt, the stand-ins and Slicer's Python files."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest

from Testing import testbed


@pytest.fixture
def qt(application):
    import qt

    return qt


@pytest.fixture
def slicerPackage(application):
    import slicer

    return slicer


@pytest.fixture
def ctk(application):
    import ctk

    return ctk


@pytest.fixture
def complaints(application):
    """Takes what was complained of, so that the test may expect it."""
    return testbed.take_complaints


def writeModule(folder: Path, body: str) -> Path:
    """A scripted module named Probe whose widget and extras are ``body``."""
    text = (
        "from slicer.ScriptedLoadableModule import *\n"
        "class Probe(ScriptedLoadableModule):\n"
        "    def __init__(self, parent):\n"
        "        ScriptedLoadableModule.__init__(self, parent)\n"
        "        parent.title = 'Probe'\n"
        "        parent.categories = ['Testing']\n" + body
    )
    path = folder / "Probe.py"
    path.write_text(text, encoding="utf-8")
    return path


class TestProperties:
    def test_are_attributes(self, qt):
        button = qt.QPushButton("Apply")
        button.text = "Cancel"
        button.enabled = False
        assert (button.text, button.enabled, button.isEnabled()) == ("Cancel", False, False)

    def test_cannot_be_called(self, qt):
        with pytest.raises(TypeError, match="not callable"):
            qt.QPushButton("Apply").text()

    def test_refuse_values_of_another_type(self, qt, ctk):
        with pytest.raises(AttributeError, match="does not accept"):
            qt.QPushButton().text = 5
        with pytest.raises(AttributeError, match="does not accept"):
            qt.QSpinBox().value = "5"
        with pytest.raises(AttributeError, match="does not accept"):
            ctk.ctkPathLineEdit().currentPath = Path("/data")

    def test_unknown_ones_cannot_be_made_up(self, qt, ctk):
        for widget in (qt.QPushButton(), ctk.ctkSliderWidget(), qt.QTableWidgetItem()):
            with pytest.raises(AttributeError):
                widget.remark = "mine"
            with pytest.raises(AttributeError):
                widget._remark = "mine"
            with pytest.raises(AttributeError):
                _ = widget.remark

    def test_python_subclasses_may_keep_what_they_like(self, qt):
        class Panel(qt.QWidget):
            def __init__(self):
                super().__init__()
                self.remark = "mine"

            def sizeHint(self):
                return qt.QSize(30, 40)

        panel = Panel()
        panel.other = 2
        assert (panel.remark, panel.other, panel.sizeHint().height()) == ("mine", 2, 40)

    def test_virtual_ones_are_attributes_too(self, qt):
        assert qt.QPushButton("Apply").sizeHint.width() > 0
        assert qt.QProgressBar().text == ""

    def test_dynamic_ones_can_be_read(self, qt):
        label = qt.QLabel()
        label.setProperty("SlicerParameterName", "steps")
        assert label.property("SlicerParameterName") == "steps"
        assert label.SlicerParameterName == "steps"


class TestNames:
    def test_what_qt6_brought_is_refused(self, qt):
        for owner, name in (
            (qt.QTableView(), "setUpdateThreshold"),
            (qt.QSortFilterProxyModel(), "autoAcceptChildRows"),
            (qt.QComboBox(), "labelDrawingMode"),
            (qt.QGroupBox(), "setScreen"),
            (qt.QFormLayout(), "setRowVisible"),
        ):
            with pytest.raises(AttributeError, match=name):
                getattr(owner, name)

    def test_what_only_pyside_has_is_refused(self, qt):
        for name in ("Signal", "Slot", "Property"):
            assert not hasattr(qt, name)

    def test_a_class_outside_the_record_is_no_widget(self, slicerPackage, ctk):
        assert not hasattr(ctk, "ctkFancyButton")
        assert not hasattr(slicerPackage, "qMRMLFancyWidget")

    def test_enums_equal_numbers(self, qt):
        assert qt.Qt.Checked == 2
        assert qt.Qt.UserRole + 1 == 257
        assert qt.QMessageBox.Yes | qt.QMessageBox.No == 0x4000 | 0x10000
        assert qt.QProcess.NotRunning == 0

    def test_values_of_flags_are_read_from_the_class(self, ctk):
        edit = ctk.ctkPathLineEdit()
        edit.filters = ctk.ctkPathLineEdit.Dirs
        assert edit.filters == 1
        with pytest.raises(AttributeError):
            _ = edit.Dirs


class TestSignals:
    def test_a_signature_connects(self, qt):
        seen = []
        button = qt.QPushButton("Apply")
        assert button.connect("clicked()", lambda: seen.append("none"))
        assert button.connect("clicked(bool)", seen.append)
        button.click()
        assert seen == ["none", False]

    def test_a_receiver_gets_no_more_than_it_takes(self, qt):
        seen = []
        button = qt.QPushButton("Apply")
        button.connect("clicked(bool)", lambda: seen.append("called"))
        button.click()
        assert seen == ["called"]

    @pytest.mark.parametrize(
        "signature", ["klicked()", "clicked(int)", "clicked", "setEnabled(bool)"]
    )
    def test_an_unknown_one_returns_false_and_is_remembered(self, qt, complaints, signature):
        assert qt.QPushButton().connect(signature, print) is False
        assert signature in complaints()[0]

    def test_stand_ins_know_their_signatures(self, slicerPackage, complaints):
        selector = slicerPackage.qMRMLNodeComboBox()
        assert selector.connect("currentNodeChanged(vtkMRMLNode*)", print)
        assert selector.connect("currentNodeIDChanged(const QString&)", print)
        assert not selector.connect("currentNodeChanged(vtkMRMLVolumeNode*)", print)
        assert len(complaints()) == 1

    def test_disconnecting_ends_it(self, qt):
        seen = []

        class Receiver:
            def hear(self):
                seen.append(1)

        receiver = Receiver()
        button = qt.QPushButton()
        button.connect("clicked()", receiver.hear)
        assert button.disconnect("clicked()", receiver.hear)
        assert not button.disconnect("clicked()", receiver.hear)
        button.click()
        assert not seen

    def test_an_exception_in_a_receiver_is_remembered(self, qt, complaints):
        def fail():
            raise ValueError("too bad")

        button = qt.QPushButton()
        button.connect("clicked()", fail)
        button.click()
        assert "too bad" in complaints()[0]

    def test_an_exception_in_an_event_handler_is_remembered(self, qt, complaints):
        class Panel(qt.QWidget):
            def closeEvent(self, event):
                raise ValueError("not now")

        panel = Panel()
        panel.show()
        qt.QTimer.singleShot(0, panel.close)
        testbed.process_events(30)
        assert "not now" in "".join(complaints())

    def test_signal_objects_connect_too(self, qt):
        seen = []
        box = qt.QCheckBox()
        box.toggled.connect(seen.append)
        box.checked = True
        assert seen == [True]


class TestQtPieces:
    def test_a_process_hands_over_byte_arrays(self, qt):
        process = qt.QProcess()
        process.start(sys.executable, ["-c", "print('hello')"])
        assert process.waitForFinished()
        assert bytes(process.readAllStandardOutput().data()).decode().strip() == "hello"
        assert process.exitCode() == 0

    def test_table_items_keep_python_objects(self, qt):
        item = qt.QTableWidgetItem("case")
        item.setData(qt.Qt.UserRole, {"voxels": [1, 2]})
        assert item.data(qt.Qt.UserRole) == {"voxels": [1, 2]}
        assert item.text() == "case"

    def test_table_models_can_be_written_in_python(self, qt):
        class Cases(qt.QAbstractTableModel):
            def rowCount(self, parent=None):
                return 3

            def columnCount(self, parent=None):
                return 1

            def data(self, index, role=0):
                return f"case {index.row()}" if role == qt.Qt.DisplayRole else None

        model = Cases()
        proxy = qt.QSortFilterProxyModel()
        proxy.setSourceModel(model)
        proxy.setFilterFixedString("case 1")
        view = qt.QTableView()
        view.setModel(proxy)
        assert proxy.rowCount() == 1
        assert view.model().data(proxy.index(0, 0)) == "case 1"

    def test_settings_stay_out_of_the_users_home(self, qt, slicerPackage):
        qt.QSettings().setValue("SemiWeakSeg/probe", True)
        assert slicerPackage.util.settingsValue("SemiWeakSeg/probe", False)
        assert slicerPackage.app.userSettings().value("SemiWeakSeg/probe")
        assert not qt.QSettings().fileName().startswith(str(Path.home() / ".config"))

    def test_a_dialog_that_waits_is_an_error(self, qt):
        with pytest.raises(RuntimeError, match="getExistingDirectory"):
            qt.QFileDialog.getExistingDirectory(None, "Folder")

    def test_a_timer_fires(self, qt):
        seen = []
        qt.QTimer.singleShot(1, lambda: seen.append(1))
        testbed.process_events(30)
        assert seen == [1]

    def test_events_of_the_application_reach_receivers(self, slicerPackage):
        seen = []
        slicerPackage.app.connect("aboutToQuit()", lambda: seen.append(1))
        testbed.announce("aboutToQuit()")
        slicerPackage.app.disconnect("aboutToQuit()")
        testbed.announce("aboutToQuit()")
        assert seen == [1]


class TestStandIns:
    def test_every_recorded_widget_can_be_made(self, slicerPackage, ctk):
        from Testing.testbed import tables
        from Testing.testbed.standins import stand_in
        from Testing.testbed.standins.factory import recorded_widgets

        for name in recorded_widgets():
            widget = stand_in(name)()
            assert type(widget).__name__ == name
            assert not hasattr(widget, "surelyNotThere"), name
            assert tables.observed_names(name) is None or hasattr(widget, "objectName")

    def test_a_missing_method_says_that_the_testbed_lacks_it(self, slicerPackage):
        with pytest.raises(NotImplementedError, match="testbed"):
            slicerPackage.qMRMLPlotView().saveAsSVG("file.svg")

    def test_a_slider_tells_its_value(self, ctk):
        seen = []
        slider = ctk.ctkSliderWidget()
        slider.minimum, slider.maximum, slider.suffix = 1.0, 10.0, " mm"
        slider.connect("valueChanged(double)", seen.append)
        slider.value = 99.0
        assert (slider.value, seen, slider.suffix) == (10.0, [10.0], " mm")

    def test_a_section_hides_what_it_holds(self, qt, ctk):
        section = ctk.ctkCollapsibleButton()
        layout = qt.QVBoxLayout(section)
        shown, hidden = qt.QLabel("shown"), qt.QLabel("hidden")
        layout.addWidget(shown)
        layout.addWidget(hidden)
        hidden.visible = False
        seen = []
        section.connect("contentsCollapsed(bool)", seen.append)
        section.collapsed = True
        assert shown.isHidden() and seen == [True]
        section.collapsed = False
        assert not shown.isHidden() and hidden.isHidden()

    def test_a_path_is_text(self, ctk):
        seen = []
        edit = ctk.ctkPathLineEdit()
        edit.connect("currentPathChanged(QString)", seen.append)
        edit.currentPath = "/data/cohort.json"
        edit.addCurrentPathToHistory()
        assert edit.currentPath == seen[-1] == "/data/cohort.json"

    def test_a_dialog_is_an_error_in_a_test(self, ctk):
        box = ctk.ctkMessageBox()
        box.text = "Stop?"
        with pytest.raises(RuntimeError, match="Stop"):
            box.exec_()

    def test_a_node_selector_follows_the_scene(self, slicerPackage):
        scene = slicerPackage.mrmlScene
        selector = slicerPackage.qMRMLNodeComboBox()
        selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        selector.showChildNodeTypes = False
        selector.noneEnabled = True
        selector.setMRMLScene(scene)
        seen = []
        selector.connect("currentNodeIDChanged(QString)", seen.append)
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "scan")
        scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
        assert (selector.nodeCount(), selector.currentNodeID) == (1, "")
        selector.setCurrentNode(node)
        scene.RemoveNode(node)
        assert seen == [node.GetID(), ""]

    def test_nodes_can_be_ticked(self, slicerPackage):
        scene = slicerPackage.mrmlScene
        selector = slicerPackage.qMRMLCheckableNodeComboBox()
        selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        selector.setMRMLScene(scene)
        nodes = [scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode") for _ in range(2)]
        selector.check(nodes[1])
        assert [n.GetID() for n in selector.checkedNodes()] == [nodes[1].GetID()]

    def test_the_hierarchy_tree_shows_folders_and_nodes(self, slicerPackage):
        scene = slicerPackage.mrmlScene
        tree = slicerPackage.qMRMLSubjectHierarchyTreeView()
        tree.setMRMLScene(scene)
        hierarchy = tree.subjectHierarchyNode()
        folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "study")
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "scan")
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), folder)
        tree.setCurrentNode(node)
        assert tree.displayedItemCount() == 2
        assert tree.currentNode() is node


class TestSegmentEditor:
    @pytest.fixture
    def editor(self, slicerPackage):
        scene = slicerPackage.mrmlScene
        volume = slicerPackage.util.addVolumeFromArray(np.zeros((4, 5, 6), np.int16))
        segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        segmentation.CreateDefaultDisplayNodes()
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        segmentation.GetSegmentation().AddEmptySegment("first", "First")
        segmentation.GetSegmentation().AddEmptySegment("second", "Second")
        editor = slicerPackage.qMRMLSegmentEditorWidget()
        editor.setMRMLSegmentEditorNode(scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
        editor.setMRMLScene(scene)
        editor.setMaximumNumberOfUndoStates(10)
        editor.setSegmentationNode(segmentation)
        editor.setSourceVolumeNode(volume)
        return editor

    def drawn(self, editor, segmentId: str) -> int:
        import slicer

        array = slicer.util.arrayFromSegmentBinaryLabelmap(
            editor.segmentationNode(), segmentId, editor.sourceVolumeNode()
        )
        return 0 if array is None else int(array.sum())

    def test_an_effect_changes_the_current_segment(self, editor):
        from vtk.util.numpy_support import vtk_to_numpy

        editor.setCurrentSegmentID("second")
        editor.setActiveEffectByName("Paint")
        effect = editor.activeEffect()
        editor.saveStateForUndo()
        stroke = effect.defaultModifierLabelmap()
        vtk_to_numpy(stroke.GetPointData().GetScalars())[:7] = 1
        effect.modifySelectedSegmentByLabelmap(stroke, effect.ModificationModeAdd)
        assert (self.drawn(editor, "first"), self.drawn(editor, "second")) == (0, 7)
        editor.undo()
        assert self.drawn(editor, "second") == 0
        editor.redo()
        assert self.drawn(editor, "second") == 7

    def test_parameters_live_in_the_node(self, editor):
        editor.setActiveEffectByName("Paint")
        effect = editor.activeEffect()
        effect.setCommonParameter("BrushAbsoluteDiameter", 3.5)
        node = editor.mrmlSegmentEditorNode()
        assert node.GetAttribute("BrushAbsoluteDiameter") == "3.5"
        assert effect.doubleParameter("BrushAbsoluteDiameter") == 3.5

    def test_another_segmentation_ends_the_effect(self, editor):
        editor.setActiveEffectByName("Paint")
        editor.setSegmentationNode(None)
        assert editor.activeEffect() is None
        assert editor.mrmlSegmentEditorNode().GetActiveEffectName() in ("", None)

    def test_closing_the_scene_leaves_it_empty(self, editor, slicerPackage):
        slicerPackage.mrmlScene.Clear(0)
        editor.updateWidgetFromMRML()
        assert editor.segmentationNode() is None


class TestUiFiles:
    def load(self, tmp_path, widgets: str, connections: str = ""):
        import slicer

        file = tmp_path / "panel.ui"
        file.write_text(
            '<ui version="4.0"><class>Panel</class><widget class="qMRMLWidget" name="Panel">'
            f'<layout class="QVBoxLayout" name="layout">{widgets}</layout></widget>'
            f"<connections>{connections}</connections></ui>",
            encoding="utf-8",
        )
        return slicer.util.loadUI(str(file))

    SELECTOR = (
        '<item><widget class="qMRMLNodeComboBox" name="selector">'
        '<property name="nodeTypes"><stringlist><string>vtkMRMLTextNode</string></stringlist>'
        '</property><property name="SlicerParameterName" stdset="0"><string>node</string>'
        "</property></widget></item>"
    )
    SCENE = (
        "<connection><sender>Panel</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>"
        "<receiver>selector</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection>"
    )

    def test_the_scene_reaches_every_widget(self, slicerPackage, tmp_path):
        panel = self.load(tmp_path, self.SELECTOR, self.SCENE)
        panel.setMRMLScene(slicerPackage.mrmlScene)
        ui = slicerPackage.util.childWidgetVariables(panel)
        assert ui.selector.mrmlScene() is slicerPackage.mrmlScene
        assert list(ui.selector.nodeTypes) == ["vtkMRMLTextNode"]
        assert ui.selector.property("SlicerParameterName") == "node"

    def test_a_property_that_does_not_exist_is_an_error(self, slicerPackage, tmp_path):
        wrong = self.SELECTOR.replace('"nodeTypes"', '"nodeClasses"')
        with pytest.raises(RuntimeError, match="nodeClasses"):
            self.load(tmp_path, wrong)

    def test_a_widget_that_does_not_exist_is_an_error(self, slicerPackage, tmp_path):
        with pytest.raises(RuntimeError, match="qMRMLFancyWidget"):
            self.load(tmp_path, self.SELECTOR.replace("qMRMLNodeComboBox", "qMRMLFancyWidget"))

    def test_a_connection_to_nowhere_is_remembered(self, slicerPackage, tmp_path, complaints):
        self.load(tmp_path, self.SELECTOR, self.SCENE.replace("setMRMLScene", "takeScene"))
        assert "takeScene" in complaints()[0]

    def test_a_missing_file_is_an_error(self, slicerPackage, tmp_path):
        with pytest.raises(RuntimeError, match="not found"):
            slicerPackage.util.loadUI(str(tmp_path / "gone.ui"))


class Mode(enum.Enum):
    SCRIBBLE = 1
    BOX = 2

    def label(self) -> str:
        return self.name.title()


class TestParameterNode:
    @pytest.fixture
    def wrapper(self, slicerPackage):
        from slicer import vtkMRMLScalarVolumeNode
        from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

        fields = {
            "cohortPath": str,
            "steps": Annotated[int, WithinRange(1, 5000)],
            "minutes": float,
            "mirrored": bool,
            "folder": Path,
            "mode": Mode,
            "names": list[str],
            "volume": vtkMRMLScalarVolumeNode,
        }
        defaults = {
            "cohortPath": "nowhere",
            "steps": 1000,
            "minutes": 30.0,
            "mirrored": True,
            "folder": Path("runs"),
        }
        Parameters = parameterNodeWrapper(
            type("Parameters", (), {"__annotations__": fields, **defaults})
        )
        node = slicerPackage.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
        return Parameters(node)

    def test_defaults_are_stored(self, wrapper):
        assert (wrapper.cohortPath, wrapper.steps, wrapper.minutes) == ("nowhere", 1000, 30.0)
        assert wrapper.mode is Mode.SCRIBBLE
        assert wrapper.volume is None
        assert wrapper.parameterNode.GetParameter("steps") == "1000"

    def test_values_are_stored_as_the_real_one_stores_them(self, wrapper, slicerPackage):
        volume = slicerPackage.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        wrapper.mode = Mode.BOX
        wrapper.mirrored = False
        wrapper.folder = Path("elsewhere")
        wrapper.volume = volume
        node = wrapper.parameterNode
        assert node.GetParameter("mode") == "BOX"
        assert node.GetParameter("mirrored") == "False"
        assert node.GetParameter("folder") == "elsewhere"
        assert node.GetNodeReferenceID("volume") == volume.GetID()
        assert (wrapper.mode, wrapper.mirrored, wrapper.volume) == (Mode.BOX, False, volume)

    def test_lists_write_themselves_back(self, wrapper):
        wrapper.names = ["heart"]
        wrapper.names.append("liver")
        assert list(type(wrapper)(wrapper.parameterNode).names) == ["heart", "liver"]

    @pytest.mark.parametrize(
        ("name", "value"), [("steps", 0), ("steps", "many"), ("cohortPath", None), ("mode", 1)]
    )
    def test_wrong_values_are_refused(self, wrapper, name, value):
        with pytest.raises((TypeError, ValueError)):
            setattr(wrapper, name, value)

    def test_widgets_follow_and_lead(self, wrapper, qt, slicerPackage):
        panel = qt.QWidget()
        spin, combo = qt.QSpinBox(panel), qt.QComboBox(panel)
        spin.setProperty("SlicerParameterName", "steps")
        combo.setProperty("SlicerParameterName", "mode")
        tag = wrapper.connectGui(panel)
        assert (spin.value, spin.maximum) == (1000, 5000)
        assert [combo.itemText(0), combo.itemText(1)] == ["Scribble", "Box"]
        wrapper.steps = 7
        combo.currentIndex = 1
        assert (spin.value, wrapper.mode) == (7, Mode.BOX)
        wrapper.disconnectGui(tag)
        spin.value = 9
        wrapper.mode = Mode.SCRIBBLE
        assert (wrapper.steps, combo.currentIndex) == (7, 1)

    def test_what_cannot_be_connected_is_an_error(self, wrapper, qt):
        edit = qt.QPlainTextEdit()
        with pytest.raises(RuntimeError):
            wrapper.connectParametersToGui({"cohortPath": edit})

    def test_changes_are_heard(self, wrapper):
        import vtk

        seen = []
        wrapper.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: seen.append(wrapper.steps))
        wrapper.steps = 12
        assert seen[-1] == 12

    def test_observers_are_called_in_slicers_order(self, wrapper):
        """VTK calls the first observer last; the wrapper's own are the first."""
        import vtk

        seen = []
        for name in ("titles", "panel"):
            event = vtk.vtkCommand.ModifiedEvent
            wrapper.AddObserver(event, lambda *_, who=name: seen.append((who, other.steps)))
        other = type(wrapper)(wrapper.parameterNode)
        wrapper.steps = 5
        assert seen == [("titles", 1000), ("panel", 1000)]
        assert other.steps == 5

    def test_it_survives_a_saved_scene(self, wrapper, slicerPackage, tmp_path):
        wrapper.steps = 42
        file = str(tmp_path / "all.mrb")
        slicerPackage.util.saveScene(file, properties={})
        slicerPackage.mrmlScene.Clear(0)
        slicerPackage.util.loadScene(file, properties={"clear": True})
        node = slicerPackage.mrmlScene.GetFirstNodeByClass("vtkMRMLScriptedModuleNode")
        assert type(wrapper)(node).steps == 42


class TestPackages:
    def test_what_is_installed_is_known(self, slicerPackage):
        check = slicerPackage.packaging.pip_check
        assert check("numpy>=1.20")
        assert not check("numpy>=999")
        assert not check("surely-not-a-package-of-anyone")
        assert check(["surely-not-a-package-of-anyone; python_version < '3'"])

    def test_nothing_is_installed(self, slicerPackage):
        assert slicerPackage.packaging.pip_ensure("surely-not-a-package-of-anyone") is None

    def test_requirement_files_are_read(self, slicerPackage, tmp_path):
        file = tmp_path / "requirements.txt"
        file.write_text("# needed\nmonai>=1.6\n\n--index-url x\nscipy\n", encoding="utf-8")
        found = slicerPackage.packaging.load_requirements(file)
        assert [str(one) for one in found] == ["monai>=1.6", "scipy"]


class TestScriptedModules:
    WIDGET = (
        "class ProbeWidget(ScriptedLoadableModuleWidget):\n"
        "    calls = []\n"
        "    def setup(self):\n"
        "        ScriptedLoadableModuleWidget.setup(self)\n"
        "        self.calls.append('setup')\n"
        "    def enter(self):\n"
        "        self.calls.append('enter')\n"
        "    def exit(self):\n"
        "        self.calls.append('exit')\n"
        "    def cleanup(self):\n"
        "        self.calls.append('cleanup')\n"
    )

    def test_the_life_of_a_widget(self, slicerPackage, tmp_path):
        loaded = testbed.load_module(writeModule(tmp_path, self.WIDGET))
        calls = loaded.widget.calls
        assert slicerPackage.modules.probe.title == "Probe"
        assert slicerPackage.modules.ProbeWidget is loaded.widget
        assert slicerPackage.util.modulePath("Probe") == str(tmp_path / "Probe.py")
        loaded.frame.enter()
        loaded.frame.exit()
        loaded.unload()
        assert calls == ["setup", "enter", "exit", "cleanup"]
        assert not hasattr(slicerPackage.modules, "probe")

    def test_reloading_makes_a_new_widget(self, slicerPackage, tmp_path):
        loaded = testbed.load_module(writeModule(tmp_path, self.WIDGET))
        before = loaded.widget
        before.onReload()
        assert loaded.widget is not before
        assert slicerPackage.modules.ProbeWidget is loaded.widget
        assert before.calls == ["setup", "cleanup"]
        loaded.unload()

    def test_the_application_is_told_only_what_it_asks(self, application, tmp_path):
        with pytest.raises(AttributeError, match="subtitle"):
            testbed.load_module(writeModule(tmp_path, "        parent.subtitle = 'no'\n"))

    def test_a_text_must_be_a_text(self, application, tmp_path):
        with pytest.raises(AttributeError):
            testbed.load_module(writeModule(tmp_path, "        parent.categories = 'Testing'\n"))

    def test_a_module_without_a_widget_loads(self, application, tmp_path):
        loaded = testbed.load_module(writeModule(tmp_path, ""))
        assert loaded.widget is None
        loaded.unload()

    def test_a_missing_file_is_an_error(self, application, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"Gone\.py"):
            testbed.load_module(tmp_path / "Gone.py")

    def test_the_parameter_node_is_one(self, slicerPackage):
        from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

        logic = ScriptedLoadableModuleLogic()
        assert logic.getParameterNode() is logic.getParameterNode()
        assert len(logic.getAllParameterNodes()) == 1

    def test_sample_data_is_registered_once(self, slicerPackage):
        from SampleData import SampleDataLogic

        for _ in range(2):
            SampleDataLogic.registerCustomSampleDataSource(
                category="Probe", sampleName="probe", customDownloader=lambda source: ["made"]
            )
        found = SampleDataLogic.sampleDataSourcesByCategory("Probe")
        assert len(found) == 1 or found[0].customDownloader is not found[1].customDownloader
        assert SampleDataLogic().downloadFromSource(found[0]) == ["made"]
        del slicerPackage.modules.sampleDataSources["Probe"]


class TestLayoutManager:
    def test_it_remembers_layouts_and_has_slices(self, layoutManager, slicerPackage):
        seen = []
        layoutManager.connect("layoutChanged(int)", seen.append)
        layoutManager.setLayout(6)
        assert seen == [6] and layoutManager.layout == 6
        assert layoutManager.sliceViewNames() == ["Red", "Yellow", "Green"]
        volume = slicerPackage.util.addVolumeFromArray(np.zeros((4, 5, 6), np.int16))
        slicerPackage.util.setSliceViewerLayers(background=volume, fit=True)
        composite = layoutManager.sliceWidget("Red").mrmlSliceCompositeNode()
        assert composite.GetBackgroundVolumeID() == volume.GetID()

    def test_there_is_none_without_asking(self, slicerPackage):
        assert slicerPackage.app.layoutManager() is None


class TestPictures:
    def test_a_widget_can_be_photographed(self, qt, tmp_path):
        label = qt.QLabel("hello")
        file = testbed.screenshot(label, tmp_path / "label.png")
        assert qt.QImage(str(file)).width() > 0

    def test_a_slice_shows_the_segment(self, slicerPackage):
        from Testing.testbed import render

        if render.unavailable():
            pytest.skip(render.unavailable())
        array = np.full((4, 20, 20), 100, np.int16)
        array[:, 5:15, 5:15] = 200
        volume = slicerPackage.util.addVolumeFromArray(array)
        volume.CreateDefaultDisplayNodes()
        node = slicerPackage.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        segment = node.GetSegmentation().AddEmptySegment("core", "Core", [0.0, 1.0, 0.0])
        slicerPackage.util.updateSegmentBinaryLabelmapFromArray(
            (array > 150).astype(np.uint8), node, segment, volume
        )
        node.GetDisplayNode().SetOpacity2DFill(1.0)
        with render.SliceView() as view:
            view.show(volume)
            assert render.shows_color(view.image(), (0.0, 1.0, 0.0))
            node.GetDisplayNode().SetVisibility(False)
            assert not render.shows_color(view.image(), (0.0, 1.0, 0.0))

    def test_views_take_their_nodes_along(self, slicerPackage):
        from Testing.testbed import render

        if render.unavailable():
            pytest.skip(render.unavailable())
        before = slicerPackage.mrmlScene.GetNumberOfNodes()
        with render.SliceView(), render.ThreeDView():
            assert slicerPackage.mrmlScene.GetNumberOfNodes() > before
        testbed.clear_scene()
        assert slicerPackage.mrmlScene.GetNumberOfNodes() <= before


class TestOwnPythonFiles:
    def test_a_wrong_checkout_is_an_error(self, application, monkeypatch, tmp_path):
        from Testing.testbed.qt_application import python_files

        monkeypatch.setenv("SLICER_SOURCE_DIR", str(tmp_path))
        with pytest.raises(FileNotFoundError, match="SLICER_SOURCE_DIR"):
            python_files()
