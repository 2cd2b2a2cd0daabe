"""The kernel's picture through the Method section: buttons, crosshair, settings, and its end."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from SemiWeakSegLib.cohort import read_image
from SemiWeakSegLib.cohort.images import write_scalar
from SemiWeakSegLib.methods import METHODS, TERMS
from SemiWeakSegLib.scene.kernel_weights import KernelShape, intensityWindow, neighbourhoodOf
from Testing import testbed
from Testing.learning.tiny import make_cohort
from Testing.slicer.module.trainings import waitFor

SETTLE_MS = 80


@pytest.fixture
def panel(module):
    return module.panels["method"]


@pytest.fixture
def crosshair(application):
    """The crosshair, which Slicer's application has in every scene."""
    import slicer

    node = slicer.vtkMRMLCrosshairNode()
    node.SetSingletonTag("default")
    return slicer.mrmlScene.AddNode(node)


@pytest.fixture
def study(module, tmp_path):
    make_cohort(tmp_path / "study", shape=(12, 20, 24))
    return module.logic.openCohort(tmp_path / "study")


@pytest.fixture
def volume(layoutManager, study):
    """The image of a case in the slice views."""
    import slicer

    from SemiWeakSegLib.scene.volumes import loadCase, showInViews

    node = loadCase(study.cohort.cases[0], study.path)
    showInViews(node)
    assert slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return node


def pointTo(crosshair, volume, voxel):
    """Move the crosshair to a voxel (x, y, z)."""
    import slicer
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    crosshair.SetCrosshairRAS(*(slicer.util.arrayFromVTKMatrix(matrix) @ [*voxel, 1.0])[:3])


def overlays():
    import slicer

    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return {each.GetForegroundVolumeID() for each in composites}


def press(panel, name="scribble_crf"):
    panel.menu.buttons[name].click()
    row = panel.forms.kernelRows[name]
    row.button.click()
    return row


class TestButtons:
    def test_settings_with_a_kernel_have_one(self, panel):
        for name, method in METHODS.items():
            panel.menu.buttons[name].click()
            fields = {each.name for each in method.descriptions()}
            hasKernel = {"sigma_space_mm", "sigma_intensity"} <= fields
            assert (name in panel.forms.kernelRows) == hasKernel
        for name in TERMS:
            panel.terms.add(name)
            assert (panel.terms.rows[name].kernelRow is not None) == (name == "crf")

    def test_only_the_chosen_method_s_is_seen(self, panel):
        panel.menu.buttons["scribble_crf"].click()
        row = panel.forms.kernelRows["scribble_crf"]
        assert not row.widget.isHidden()
        panel.menu.buttons["supervised"].click()
        assert row.widget.isHidden()

    def test_nearest_neighbours_have_no_picture(self, panel):
        panel.menu.buttons["scribble_crf"].click()
        row = panel.forms.kernelRows["scribble_crf"]
        assert row.button.enabled is True
        panel.forms.editors["neighbourhood"].widget.currentIndex = 1
        assert row.button.enabled is False
        assert "nearest neighbours only" in row.button.toolTip

    def test_the_reach_that_training_would_choose_is_told(self, module, panel, study):
        module.logic.inspect(waitForCompletion=True)
        panel.menu.buttons["scribble_crf"].click()
        row = panel.forms.kernelRows["scribble_crf"]
        reach = 0.08 * np.mean([12, 20, 24])
        assert f"about {reach:.3g} mm" in row.label.text
        panel.forms.editors["sigma_space_mm"].widget.value = 9.0
        assert row.label.text == ""

    def test_it_is_of_all_images_but_those_of_test_cases(self, module, panel, study):
        first, second = [case.id for case in study.cohort.cases][-2:]
        study.setRole([first], "validation")
        study.setRole([second], "test")
        module.logic.inspect(waitForCompletion=True)
        facts = module.logic.inspection.facts
        facts[first] = dataclasses.replace(facts[first], size=(48, 40, 24))
        facts[second] = dataclasses.replace(facts[second], size=(480, 400, 240))
        panel.menu.buttons["scribble_crf"].click()
        usual, count = np.mean([12, 20, 24]), len(facts) - 1
        reach = 0.08 * (usual * (count - 1) + 2 * usual) / count
        assert f"about {reach:.3g} mm" in panel.forms.kernelRows["scribble_crf"].label.text

    def test_of_slices_it_is_the_reach_within_them(self, module, panel, study):
        module.logic.inspect(waitForCompletion=True)
        panel.menu.buttons["scribble_crf"].click()
        module.logic.getParameterNode().planJson = json.dumps({"dimensions": 2})
        reach = 0.08 * np.mean([20, 24])
        row = panel.forms.kernelRows["scribble_crf"]
        assert f"about {reach:.3g} mm" in row.label.text


class TestPicture:
    def test_it_follows_the_crosshair(self, panel, crosshair, volume):
        pointTo(crosshair, volume, (10, 8, 5))
        row = press(panel)
        assert overlays() == {panel.kernel.node.GetID()}
        assert "Voxel 10, 8, 5" in row.label.text
        pointTo(crosshair, volume, (4, 6, 7))
        waitFor(lambda: "Voxel 4, 6, 7" in row.label.text, 5)
        row.button.click()
        assert overlays() == {None}
        assert panel.kernel.node is None

    def test_it_follows_the_settings(self, panel, crosshair, volume):
        import slicer

        pointTo(crosshair, volume, (10, 8, 5))
        press(panel)
        before = float(slicer.util.arrayFromVolume(panel.kernel.node).sum())
        panel.forms.editors["sigma_space_mm"].widget.value = 6.0
        testbed.process_events(SETTLE_MS)
        assert float(slicer.util.arrayFromVolume(panel.kernel.node).sum()) > before
        panel.forms.editors["neighbourhood"].widget.currentIndex = 1
        testbed.process_events(SETTLE_MS)
        assert panel.kernel.node is None

    def test_of_slices_only_the_voxel_s_own_is_heard(self, module, panel, crosshair, volume):
        import slicer

        pointTo(crosshair, volume, (10, 8, 5))
        row = press(panel)
        assert min(slicer.util.arrayFromVolume(panel.kernel.node).shape) > 1
        assert "make the plan" in row.label.text
        module.logic.getParameterNode().planJson = json.dumps({"dimensions": 2, "slice_axis": 0})
        testbed.process_events(SETTLE_MS)
        assert slicer.util.arrayFromVolume(panel.kernel.node).shape[0] == 1
        assert "make the plan" not in row.label.text

    def test_a_crosshair_that_was_never_set_begins_where_the_views_meet(
        self, panel, crosshair, volume
    ):
        import slicer
        import vtk

        move = vtk.vtkMatrix4x4()
        move.SetElement(0, 3, 500.0)
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform.SetMatrixTransformToParent(move)
        volume.SetAndObserveTransformNodeID(transform.GetID())
        press(panel)
        assert panel.kernel.node is not None

    def test_outside_the_image_it_says_so_and_comes_back(self, panel, crosshair, volume):
        pointTo(crosshair, volume, (10, 8, 5))
        row = press(panel)
        crosshair.SetCrosshairRAS(900.0, 0.0, 0.0)
        waitFor(lambda: "outside" in row.label.text, 5)
        assert panel.kernel.node is None
        pointTo(crosshair, volume, (10, 8, 5))
        waitFor(lambda: panel.kernel.node is not None, 5)

    def test_without_an_image_it_says_what_to_do(self, panel, crosshair):
        row = press(panel)
        assert "Show an image first" in row.label.text


class TestChannels:
    def test_two_are_compared_as_training_compares_them(
        self, module, panel, crosshair, layoutManager, tmp_path
    ):
        import slicer

        from SemiWeakSegLib.scene.volumes import loadCase, showInViews

        cohort = make_cohort(tmp_path / "study", shape=(12, 20, 24))
        first = cohort.cases[0]
        values, geometry = read_image(first.images[0])
        second = tmp_path / "second.nii.gz"
        noise = np.random.default_rng(3).normal(0.0, 1.0, values[0].shape)
        write_scalar(second, noise.astype(np.float32), geometry)
        first.images = (*first.images, second)
        cohort.save(tmp_path / "study" / "cohort.json")
        study = module.logic.openCohort(tmp_path / "study")
        volume = loadCase(study.cohort.cases[0], study.path)
        showInViews(volume)
        pointTo(crosshair, volume, (10, 8, 5))
        press(panel)
        both = np.stack([values[0], noise.astype(np.float32)])
        windows = [intensityWindow(channel) for channel in both]
        shape = KernelShape(0.08 * np.mean([12, 20, 24]), 0.1)
        wanted = neighbourhoodOf(both, (5, 8, 10), (1.0, 1.0, 1.0), shape, windows)
        found = slicer.util.arrayFromVolume(panel.kernel.node)
        np.testing.assert_allclose(found, wanted.weights, atol=1e-6)
        alone = neighbourhoodOf(both[:1], (5, 8, 10), (1.0, 1.0, 1.0), shape, windows[:1])
        assert float(found.sum()) < 0.9 * float(alone.weights.sum())


class TestEnd:
    @pytest.fixture
    def shown(self, panel, crosshair, volume):
        pointTo(crosshair, volume, (10, 8, 5))
        row = press(panel)
        assert panel.kernel.node is not None
        return row

    def test_another_method_ends_it(self, panel, shown):
        panel.menu.buttons["supervised"].click()
        assert panel.kernel.node is None
        assert shown.button.checked is False

    def test_a_term_s_picture_takes_the_place_of_the_method_s(self, panel, shown):
        panel.ui.termsBox.collapsed = False
        panel.terms.add("crf")
        panel.terms.rows["crf"].settingsBox.collapsed = False
        panel.terms.rows["crf"].kernelRow.button.click()
        assert panel.kernel.node is not None
        assert shown.button.checked is False
        panel.terms.remove("crf")
        assert panel.kernel.node is None

    def test_leaving_the_module_ends_it(self, module, panel, shown):
        module.frame.exit()
        assert panel.kernel.node is None
        assert overlays() == {None}

    def test_it_goes_with_its_image(self, panel, shown, volume):
        import slicer

        slicer.mrmlScene.RemoveNode(volume)
        testbed.process_events(SETTLE_MS)
        assert panel.kernel.node is None
        assert "Show an image first" in shown.label.text

    def test_a_closed_scene_ends_it(self, panel, shown):
        import slicer

        slicer.mrmlScene.Clear()
        testbed.process_events(SETTLE_MS)
        assert panel.kernel.node is None
        assert shown.button.checked is False

    def test_cleanup_ends_it(self, module, panel, shown, crosshair):
        panel.cleanup()
        assert panel.kernel.node is None
        crosshair.SetCrosshairRAS(1.0, 2.0, 3.0)
        testbed.process_events(SETTLE_MS)
        assert panel.kernel.node is None
