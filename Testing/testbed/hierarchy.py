"""Subject-hierarchy items for data nodes, created and removed as Slicer's Qt plugins do it."""

from __future__ import annotations

import slicer
import vtk

# The first class that fits names the plugin which owns the item.
PLUGINS = (
    ("vtkMRMLLabelMapVolumeNode", "LabelMaps"),
    ("vtkMRMLScalarVolumeNode", "Volumes"),
    ("vtkMRMLSegmentationNode", "Segmentations"),
    ("vtkMRMLMarkupsNode", "Markups"),
    ("vtkMRMLModelNode", "Models"),
    ("vtkMRMLTableNode", "Tables"),
    ("vtkMRMLTextNode", "Texts"),
    ("vtkMRMLPlotChartNode", "Plots"),
    ("vtkMRMLTransformNode", "Transforms"),
)


def plugin_of(node) -> str:
    """Name of the plugin that would own the node's item; empty if none would."""
    if node is None or node.GetHideFromEditors():
        return ""
    return next((plugin for name, plugin in PLUGINS if node.IsA(name)), "")


class HierarchyPlugins:
    """Watches one scene; the observers stay for the life of the process, as the plugins do."""

    def __init__(self, scene) -> None:
        self._scene = scene
        self._segmentations: dict[str, tuple[object, list[int]]] = {}
        observe = type(scene).AddObserver
        observe(scene, scene.NodeAddedEvent, self._added)
        observe(scene, scene.NodeAboutToBeRemovedEvent, self._removed)
        observe(scene, scene.EndImportEvent, self._imported)
        observe(scene, scene.EndRestoreEvent, self._imported)
        observe(scene, scene.StartCloseEvent, self._closing)
        observe(scene, scene.EndCloseEvent, self._closed)

    def _hierarchy(self):
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _added(self, _caller, _event, node) -> None:
        if not (self._scene.IsImporting() or self._scene.IsRestoring()):
            self._create(node)

    def _create(self, node) -> None:
        plugin = plugin_of(node)
        if not plugin:
            return
        hierarchy = self._hierarchy()
        item = hierarchy.GetItemByDataNode(node)
        if not item:
            item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), node, plugin)
        if plugin == "Segmentations":
            self._watch_segments(node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _removed(self, _caller, _event, node) -> None:
        self._forget_segments(node.GetID())
        # While the scene closes the hierarchy node goes as a whole.
        if self._scene.IsClosing() or node.IsA("vtkMRMLSubjectHierarchyNode"):
            return
        hierarchy = self._hierarchy()
        item = hierarchy.GetItemByDataNode(node) if hierarchy else 0
        if item:
            hierarchy.RemoveItem(item, False, False)

    def _imported(self, _caller, _event) -> None:
        for index in range(self._scene.GetNumberOfNodes()):
            self._create(self._scene.GetNthNode(index))

    def _closing(self, _caller, _event) -> None:
        for key in list(self._segmentations):
            self._forget_segments(key)

    def _closed(self, _caller, _event) -> None:
        """A hierarchy node that a script still holds outlives the close; it is used again."""
        hierarchy = self._hierarchy()
        hierarchy.RemoveAllItems(False)
        if hierarchy.GetScene() is None:
            self._scene.AddNode(hierarchy)

    # A segmentation's item has one child for each segment.

    def _watch_segments(self, node) -> None:
        key = node.GetID()
        if key not in self._segmentations:
            events = (
                slicer.vtkSegmentation.SegmentAdded,
                slicer.vtkSegmentation.SegmentRemoved,
                slicer.vtkSegmentation.SegmentModified,
            )
            tags = [node.AddObserver(event, self._segments_changed) for event in events]
            self._segmentations[key] = (node, tags)
        self._segments_changed(node, None)

    def _forget_segments(self, key: str) -> None:
        node, tags = self._segmentations.pop(key, (None, []))
        for tag in tags:
            node.RemoveObserver(tag)

    def _segments_changed(self, node, _event) -> None:
        hierarchy = self._hierarchy()
        parent = hierarchy.GetItemByDataNode(node)
        if not parent:
            return
        attribute = slicer.vtkMRMLSegmentationNode.GetSegmentIDAttributeName()
        segmentation = node.GetSegmentation()
        wanted = list(segmentation.GetSegmentIDs())
        children = vtk.vtkIdList()
        hierarchy.GetItemChildren(parent, children)
        for index in range(children.GetNumberOfIds()):
            item = children.GetId(index)
            segment_id = hierarchy.GetItemAttribute(item, attribute)
            if segment_id in wanted:
                wanted.remove(segment_id)
                name = segmentation.GetSegment(segment_id).GetName() or ""
                if hierarchy.GetItemName(item) != name:
                    hierarchy.SetItemName(item, name)
            elif segment_id:
                hierarchy.RemoveItem(item)
        for segment_id in wanted:
            name = segmentation.GetSegment(segment_id).GetName() or ""
            item = hierarchy.CreateHierarchyItem(parent, name, "VirtualBranch", -1)
            hierarchy.SetItemOwnerPluginName(item, "Segments")
            hierarchy.SetItemAttribute(item, attribute, segment_id)
