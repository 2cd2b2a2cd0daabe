"""What the testbed promises about the scene and the files."""

from __future__ import annotations

import numpy as np
import pytest

from Testing import testbed


@pytest.fixture
def slicerPackage(slicerScene):
    import slicer

    return slicer


@pytest.fixture
def volume(slicerPackage):
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    return slicerPackage.util.addVolumeFromArray(array, name="scan")


@pytest.fixture
def segmentation(slicerPackage, volume):
    node = slicerPackage.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "drawn")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    segment = node.GetSegmentation().AddEmptySegment("inner", "Inner")
    mask = (slicerPackage.util.arrayFromVolume(volume) > 10).astype(np.uint8)
    slicerPackage.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment, volume)
    return node


def hierarchyOf(slicerPackage):
    kind = slicerPackage.vtkMRMLSubjectHierarchyNode
    return kind.GetSubjectHierarchyNode(slicerPackage.mrmlScene)


def names(slicerPackage, className: str) -> list[str]:
    return [node.GetName() for node in slicerPackage.util.getNodesByClass(className)]


class TestBooting:
    def test_twice_gives_the_same_scene(self, slicerScene):
        assert testbed.boot_scene() is slicerScene

    def test_the_package_is_not_flooded_with_utilities(self, slicerPackage):
        assert not hasattr(slicerPackage, "loadVolume")
        assert callable(slicerPackage.util.loadVolume)

    def test_modules_offer_their_logic(self, slicerPackage):
        logic = slicerPackage.modules.segmentations.logic()
        assert logic.IsA("vtkSlicerSegmentationsModuleLogic")
        assert logic is slicerPackage.app.moduleLogic("Segmentations")
        assert slicerPackage.moduleNames.Volumes == "Volumes"

    def test_a_module_that_is_not_there_is_not_there(self, slicerPackage):
        assert not hasattr(slicerPackage.modules, "dicom")

    def test_terms_can_be_looked_up(self, slicerPackage):
        logic = slicerPackage.modules.terminologies.logic()
        entry = slicerPackage.vtkSlicerTerminologyEntry()
        text = (
            "Segmentation category and type - 3D Slicer General Anatomy list"
            "~SCT^123037004^Anatomical Structure~SCT^10200004^Liver~^^~~^^~^^"
        )
        assert logic.DeserializeTerminologyEntry(text, entry)
        assert entry.GetTypeObject().GetCodeMeaning() == "Liver"


class TestClearing:
    def test_no_nodes_are_left(self, slicerScene, segmentation, slicerPackage):
        slicerScene.AddNewNodeByClass("vtkMRMLTextNode").SetSingletonTag("mine")
        testbed.clear_scene()
        first = slicerScene.GetNumberOfNodes()
        assert not slicerPackage.util.getNodesByClass("vtkMRMLDisplayableNode")
        assert not slicerPackage.util.getNodesByClass("vtkMRMLTextNode")
        testbed.clear_scene()
        assert slicerScene.GetNumberOfNodes() == first

    def test_no_observers_are_left(self, slicerScene):
        seen = []
        slicerScene.AddObserver(slicerScene.NodeAddedEvent, lambda *_: seen.append(1))
        testbed.clear_scene()
        seen.clear()
        slicerScene.AddNewNodeByClass("vtkMRMLTextNode")
        assert not seen

    def test_colour_tables_come_back_after_singletons_were_cleared(self, slicerScene):
        colours = {
            slicerScene.GetNthNodeByClass(index, "vtkMRMLColorNode").GetID()
            for index in range(slicerScene.GetNumberOfNodesByClass("vtkMRMLColorNode"))
        }
        slicerScene.Clear(1)
        testbed.clear_scene()
        assert colours and all(slicerScene.GetNodeByID(name) for name in colours)

    def test_a_hierarchy_node_kept_over_a_close_stays_the_scenes(self, slicerPackage, volume):
        hierarchy = hierarchyOf(slicerPackage)
        slicerPackage.mrmlScene.Clear(0)
        assert hierarchy.GetScene() is slicerPackage.mrmlScene
        assert hierarchyOf(slicerPackage) is hierarchy
        assert hierarchy.GetNumberOfItems() == 0


class TestHierarchy:
    def test_nodes_get_items_of_their_plugin(self, slicerPackage, segmentation, volume):
        hierarchy = hierarchyOf(slicerPackage)
        for node, plugin in ((volume, "Volumes"), (segmentation, "Segmentations")):
            item = hierarchy.GetItemByDataNode(node)
            assert hierarchy.GetItemOwnerPluginName(item) == plugin
            assert hierarchy.GetItemParent(item) == hierarchy.GetSceneItemID()

    def test_segments_are_children(self, slicerPackage, segmentation):
        hierarchy = hierarchyOf(slicerPackage)
        item = hierarchy.GetItemByDataNode(segmentation)
        segmentation.GetSegmentation().AddEmptySegment("outer", "Outer")
        segmentation.GetSegmentation().GetSegment("inner").SetName("Core")
        children = slicerPackage.util.getSubjectHierarchyItemChildren(item)
        assert sorted(hierarchy.GetItemName(child) for child in children) == ["Core", "Outer"]
        segmentation.GetSegmentation().RemoveSegment("inner")
        children = slicerPackage.util.getSubjectHierarchyItemChildren(item)
        assert [hierarchy.GetItemName(child) for child in children] == ["Outer"]

    def test_items_leave_with_their_node(self, slicerPackage, volume):
        hierarchy = hierarchyOf(slicerPackage)
        item = hierarchy.GetItemByDataNode(volume)
        slicerPackage.mrmlScene.RemoveNode(volume)
        assert hierarchy.GetItemDataNode(item) is None
        assert hierarchy.GetNumberOfItems() == 0

    def test_hidden_nodes_have_no_item(self, slicerPackage):
        node = slicerPackage.vtkMRMLTextNode()
        node.SetHideFromEditors(True)
        slicerPackage.mrmlScene.AddNode(node)
        assert not hierarchyOf(slicerPackage).GetItemByDataNode(node)


class TestFiles:
    def test_a_volume_comes_back(self, slicerPackage, volume, tmp_path):
        file = tmp_path / "scan.nrrd"
        assert slicerPackage.util.exportNode(volume, str(file), properties={})
        expected = slicerPackage.util.arrayFromVolume(volume).copy()
        slicerPackage.mrmlScene.RemoveNode(volume)
        again = slicerPackage.util.loadVolume(str(file), properties={"show": False})
        assert again.GetName() == "scan"
        assert np.array_equal(slicerPackage.util.arrayFromVolume(again), expected)

    def test_exporting_leaves_the_nodes_own_file(self, slicerPackage, volume, tmp_path):
        assert slicerPackage.util.saveNode(volume, str(tmp_path / "own.nrrd"), properties={})
        assert slicerPackage.util.exportNode(volume, str(tmp_path / "copy.nii.gz"), properties={})
        assert volume.GetStorageNode().GetFileName().endswith("own.nrrd")
        assert (tmp_path / "copy.nii.gz").stat().st_size > 0

    def test_exporting_in_world_coordinates_hardens_the_copy(self, slicerPackage, volume, tmp_path):
        import vtk

        matrix = vtk.vtkMatrix4x4()
        matrix.SetElement(0, 3, 50.0)
        transform = slicerPackage.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform.SetMatrixTransformToParent(matrix)
        volume.SetAndObserveTransformNodeID(transform.GetID())
        file = str(tmp_path / "moved.nrrd")
        assert slicerPackage.util.exportNode(volume, file, properties={}, world=True)
        moved = slicerPackage.util.loadVolume(file, properties={"show": False})
        assert moved.GetOrigin()[0] == pytest.approx(volume.GetOrigin()[0] + 50.0)
        assert volume.GetParentTransformNode() is transform

    def test_an_unknown_ending_is_an_error(self, slicerPackage, volume, tmp_path):
        with pytest.raises(ValueError, match="no known file format"):
            slicerPackage.util.exportNode(volume, str(tmp_path / "scan.xyz"), properties={})

    def test_a_missing_file_is_an_error(self, slicerPackage, tmp_path):
        with pytest.raises(RuntimeError, match=r"gone\.nrrd"):
            slicerPackage.util.loadVolume(str(tmp_path / "gone.nrrd"), properties={})

    def test_a_segmentation_comes_back(self, slicerPackage, segmentation, volume, tmp_path):
        file = str(tmp_path / "drawn.seg.nrrd")
        assert slicerPackage.util.exportNode(segmentation, file, properties={})
        again = slicerPackage.util.loadSegmentation(file, properties={})
        mask = slicerPackage.util.arrayFromSegmentBinaryLabelmap(again, "inner", volume)
        assert mask.sum() == 13

    def test_a_whole_scene_comes_back(self, slicerPackage, segmentation, volume, tmp_path):
        scene = slicerPackage.mrmlScene
        segmentation.GetSegmentation().GetSegment("inner").SetTag("SemiWeakSeg.Class", "3")
        folder = hierarchyOf(slicerPackage).CreateFolderItem(
            hierarchyOf(slicerPackage).GetSceneItemID(), "study"
        )
        hierarchyOf(slicerPackage).SetItemParent(
            hierarchyOf(slicerPackage).GetItemByDataNode(volume), folder
        )
        file = str(tmp_path / "all.mrb")
        assert slicerPackage.util.saveScene(file, properties={})
        scene.Clear(0)
        assert not names(slicerPackage, "vtkMRMLSegmentationNode")
        slicerPackage.util.loadScene(file, properties={"clear": True})
        assert names(slicerPackage, "vtkMRMLScalarVolumeNode") == ["scan"]
        segmentation = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
        segment = segmentation.GetSegmentation().GetSegment("inner")
        assert _tag(segment) == "3"
        hierarchy = hierarchyOf(slicerPackage)
        item = hierarchy.GetItemByDataNode(scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode"))
        assert hierarchy.GetItemName(hierarchy.GetItemParent(item)) == "study"


class TestApplication:
    def test_unknown_names_are_refused(self, slicerPackage):
        with pytest.raises(AttributeError, match="no attribute named 'themeName'"):
            _ = slicerPackage.app.themeName
        with pytest.raises(AttributeError, match="not writable"):
            slicerPackage.app.themeName = "dark"

    def test_a_gap_of_the_testbed_says_so(self, slicerPackage):
        with pytest.raises(NotImplementedError, match="testbed"):
            _ = slicerPackage.app.errorLogModel

    def test_it_runs_in_testing_mode_without_a_window(self, slicerPackage):
        assert slicerPackage.app.testingEnabled()
        assert slicerPackage.app.layoutManager() is None
        assert slicerPackage.util.mainWindow() is None

    def test_the_environment_is_that_of_the_process(self, slicerPackage, monkeypatch):
        monkeypatch.setenv("SEMIWEAKSEG_PROBE", "here")
        assert slicerPackage.util.startupEnvironment()["SEMIWEAKSEG_PROBE"] == "here"


def _tag(segment) -> str:
    import vtk

    value = vtk.reference("")
    return str(value) if segment.GetTag("SemiWeakSeg.Class", value) else ""
