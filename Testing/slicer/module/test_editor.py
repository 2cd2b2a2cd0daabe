"""The embedded Segment Editor: parameter node, brush, modes, and its life with scene and module."""

from __future__ import annotations

import pytest
import slicer

from SemiWeakSegLib.panels.brush import defaultDiameter, finestEdge, sliceThickness
from Testing import testbed
from Testing.slicer.module.annotating import choose, openStudy

SINGLETON_TAG = "SemiWeakSeg"


@pytest.fixture
def panel(module):
    return module.panels["annotate"]


@pytest.fixture
def editor(panel):
    return panel.editor


@pytest.fixture
def study(module, tmp_path):
    return openStudy(module, tmp_path)


class TestBrushWidth:
    def test_a_stroke_is_at_least_one_slice_wide(self):
        assert defaultDiameter((0.5, 0.5, 5.0), (512, 512, 40)) == 5.0

    def test_and_a_few_pixels(self):
        assert defaultDiameter((1.0, 1.0, 1.0), (64, 64, 64)) == 3.0
        assert defaultDiameter((0.7, 0.7, 1.5), (64, 64, 64)) == pytest.approx(2.1)

    def test_the_one_slice_of_a_picture_has_no_thickness(self):
        assert sliceThickness((0.1, 0.2, 1.0), (300, 200, 1)) == 0.2
        assert finestEdge((0.1, 0.2, 1.0), (300, 200, 1)) == 0.1

    def test_a_single_voxel_is_measured_as_it_is(self):
        assert sliceThickness((2.0, 2.0, 3.0), (1, 1, 1)) == 3.0


class TestParameterNode:
    def test_it_is_the_modules_own(self, editor):
        node = editor.widget.mrmlSegmentEditorNode()
        assert node.GetSingletonTag() == SINGLETON_TAG
        other = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        assert other is None or other is not node

    def test_there_is_one(self, module, editor):
        module.frame.enter()
        module.frame.exit()
        module.frame.enter()
        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentEditorNode")
        assert [node.GetSingletonTag() for node in nodes] == [SINGLETON_TAG]

    def test_a_closed_scene_gives_a_new_one(self, module, editor, study):
        slicer.mrmlScene.Clear(True)
        module.frame.enter()
        node = editor.widget.mrmlSegmentEditorNode()
        assert node is editor.parameterNode
        assert node.GetScene() is slicer.mrmlScene

    def test_ten_states_can_be_undone(self, editor):
        assert editor.widget.maximumNumberOfUndoStates == 10


class TestScribbleMode:
    @pytest.fixture
    def node(self, panel, study, editor):
        choose(panel, "case1")
        return editor.parameterNode

    def test_strokes_take_nothing_from_other_classes(self, node):
        assert node.GetOverwriteMode() == slicer.vtkMRMLSegmentEditorNode.OverwriteNone

    def test_the_brush_is_a_slice_wide_in_millimetres(self, panel, node, editor):
        # Voxels of 0.8 x 0.9 x 3 mm.
        assert editor.brushDiameter == pytest.approx(3.0)
        assert node.GetAttribute("BrushDiameterIsRelative") == "0"
        assert node.GetAttribute("BrushSphere") == "0"
        assert panel.ui.brushSpinBox.value == pytest.approx(1.0)

    def test_a_person_can_change_it(self, panel, node, editor):
        panel.ui.brushSpinBox.setValue(1.6)
        assert editor.brushDiameter == pytest.approx(4.8)
        assert panel.ui.brushSizeLabel.text == "4.8 mm, 6 voxels"

    def test_what_was_chosen_stays_for_the_next_case(self, panel, node, editor):
        panel.ui.brushSpinBox.setValue(2.0)
        choose(panel, "case2")
        assert editor.brushDiameter == pytest.approx(6.0)
        panel.ui.defaultBrushButton.click()
        assert editor.brushDiameter == pytest.approx(3.0)

    def test_a_change_in_the_editor_is_shown(self, panel, node):
        node.SetAttribute("BrushAbsoluteDiameter", "4.5")
        node.InvokeCustomModifiedEvent(slicer.vtkMRMLSegmentEditorNode.EffectParameterModified)
        assert panel.ui.brushSpinBox.value == pytest.approx(1.5)

    def test_masks_set_for_segmenting_do_not_swallow_strokes(self, panel, node):
        panel.ui.segmentButton.click()
        node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedOutsideAllSegments)
        node.SetSourceVolumeIntensityMask(True)
        panel.ui.scribbleButton.click()
        assert node.GetMaskMode() == slicer.vtkMRMLSegmentationNode.EditAllowedEverywhere
        assert not node.GetSourceVolumeIntensityMask()

    def test_only_tools_that_draw_strokes_are_offered(self, panel, node, editor):
        assert tuple(editor.widget.effectNameOrder()) == ("Paint", "Draw", "Erase")
        assert not editor.widget.unorderedEffectsVisible
        panel.ui.segmentButton.click()
        assert editor.widget.unorderedEffectsVisible

    def test_the_brush_row_is_for_scribbles(self, panel, node):
        assert not panel.ui.brushRow.isHidden()
        panel.ui.segmentButton.click()
        assert panel.ui.brushRow.isHidden()


class TestSegmentMode:
    def test_classes_exclude_each_other(self, panel, study, editor):
        panel.ui.segmentButton.click()
        choose(panel, "case1")
        mode = editor.parameterNode.GetOverwriteMode()
        assert mode == slicer.vtkMRMLSegmentEditorNode.OverwriteAllSegments

    def test_what_a_person_sets_stays_for_the_next_case(self, panel, study, editor):
        panel.ui.segmentButton.click()
        choose(panel, "case1")
        visible = slicer.vtkMRMLSegmentEditorNode.OverwriteVisibleSegments
        editor.parameterNode.SetOverwriteMode(visible)
        choose(panel, "case2")
        assert editor.parameterNode.GetOverwriteMode() == visible


class TestTools:
    def test_scribble_takes_the_brush_in_hand(self, panel, study, editor):
        choose(panel, "case1")
        panel.ui.scribbleButton.click()
        assert editor.activeEffectName == "Paint"

    def test_the_tool_stays_for_the_next_case(self, panel, study, editor):
        choose(panel, "case1")
        editor.activate("Erase")
        choose(panel, "case2")
        assert editor.activeEffectName == "Erase"

    def test_leaving_the_module_lays_it_down(self, module, panel, study, editor):
        choose(panel, "case1")
        editor.activate("Paint")
        module.frame.exit()
        assert editor.activeEffectName == ""

    def test_boxes_lay_it_down(self, panel, study, editor):
        choose(panel, "case1")
        editor.activate("Paint")
        panel.ui.boxButton.click()
        assert editor.widget.segmentationNode() is None
        assert panel.ui.editorFrame.isHidden()


class TestLife:
    def test_nothing_is_edited_without_a_case(self, editor, study):
        assert editor.widget.segmentationNode() is None
        assert not editor.widget.enabled

    def test_another_segmentation_is_not_taken_by_itself(self, editor, study):
        slicer.mrmlScene.StartState(slicer.mrmlScene.BatchProcessState)
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "somebody's")
        slicer.mrmlScene.EndState(slicer.mrmlScene.BatchProcessState)
        testbed.process_events()
        assert editor.segmentation is None

    def test_a_closing_scene_is_let_go(self, panel, study, editor):
        choose(panel, "case1")
        slicer.mrmlScene.Clear()
        assert editor.widget.segmentationNode() is None
        assert editor.segmentation is None

    def test_shortcuts_of_the_panel_need_a_main_window(self, module, panel, study):
        assert slicer.util.mainWindow() is None
        assert panel.shortcuts.installed == []


class TestShortcuts:
    @pytest.fixture
    def window(self, application, monkeypatch):
        import qt

        window = qt.QMainWindow()
        monkeypatch.setattr(slicer.util, "mainWindow", lambda: window)
        yield window
        window.deleteLater()

    def test_they_live_while_the_module_is_shown(self, window, module, panel):
        module.frame.enter()
        keys = {each.key.toString() for each in panel.shortcuts.installed}
        assert keys == {"Ctrl+Shift+S", "Ctrl+Shift+N", "Ctrl+Shift+Left", "Ctrl+Shift+Right"}
        module.frame.exit()
        assert panel.shortcuts.installed == []

    def test_save_and_next_by_key(self, window, module, panel, tmp_path):
        openStudy(module, tmp_path)
        choose(panel, "case1")
        byKeys = {each.key.toString(): each for each in panel.shortcuts.installed}
        byKeys["Ctrl+Shift+Right"].activated.emit()
        assert panel.session.caseId == "case2"
