"""Reads files into the scene with MRML's own storage nodes and the modules' logics."""

from __future__ import annotations

from pathlib import Path

from .messages import failed

# Longest extension first: ".seg.nrrd" is a segmentation although it ends in ".nrrd".
READERS = (
    (".seg.nrrd", "SegmentationFile"),
    (".mrk.json", "MarkupsFile"),
    (".nii.gz", "VolumeFile"),
    (".ctbl", "ColorTableFile"),
    (".nrrd", "VolumeFile"),
    (".nhdr", "VolumeFile"),
    (".mrml", "SceneFile"),
    (".nii", "VolumeFile"),
    (".mha", "VolumeFile"),
    (".mhd", "VolumeFile"),
    (".png", "VolumeFile"),
    (".jpg", "VolumeFile"),
    (".tif", "VolumeFile"),
    (".mrb", "SceneFile"),
    (".vtk", "ModelFile"),
    (".vtp", "ModelFile"),
    (".stl", "ModelFile"),
    (".tfm", "TransformFile"),
    (".csv", "TableFile"),
    (".tsv", "TableFile"),
    (".txt", "TextFile"),
    (".json", "TextFile"),
)
# Bits of vtkSlicerVolumesLogic::AddArchetypeVolume.
LABEL_MAP, CENTER, SINGLE_FILE, AUTO_WINDOW, DISCARD_ORIENTATION = 1, 2, 4, 8, 16


class Reader:
    """``loadNodes`` and what it needs; one method for each kind of file."""

    def loadNodes(self, fileType, properties, loadedNodes=None, userMessages=None) -> bool:
        fileName = str(properties["fileName"])
        if fileType == "SceneFile":
            return self.loadScene(fileName, bool(properties.get("clear", False)))
        reader = getattr(self, f"_load{fileType}", None)
        if reader is None:
            return failed(userMessages, f"No reader found for {fileName} ({fileType}).")
        if not Path(fileName).exists():
            return failed(userMessages, f"The file {fileName} does not exist.")
        node = reader(fileName, properties, userMessages)
        if node is None:
            return failed(userMessages, f"The file {fileName} could not be read.")
        if loadedNodes is not None:
            loadedNodes.AddItem(node)
        self.emitNewFileLoaded(properties)
        return True

    def loadScene(self, fileName: str, clear: bool = True) -> bool:
        if str(fileName).endswith(".mrb"):
            return bool(self._scene.ReadFromMRB(str(fileName), clear, None))
        self._scene.SetURL(str(fileName))
        return bool(self._scene.Connect() if clear else self._scene.Import())

    def _loadVolumeFile(self, fileName, properties, _messages):
        options = sum(
            bit
            for key, bit, default in (
                ("labelmap", LABEL_MAP, False),
                ("center", CENTER, False),
                ("singleFile", SINGLE_FILE, False),
                ("autoWindowLevel", AUTO_WINDOW, True),
                ("discardOrientation", DISCARD_ORIENTATION, False),
            )
            if properties.get(key, default)
        )
        name = properties.get("name") or _base_name(fileName)
        node = self._logics["Volumes"].AddArchetypeVolume(fileName, name, options)
        if node is not None and properties.get("colorNodeID"):
            node.GetDisplayNode().SetAndObserveColorNodeID(properties["colorNodeID"])
        if node is not None and properties.get("show", True):
            selection = self._application_logic.GetSelectionNode()
            if node.IsA("vtkMRMLLabelMapVolumeNode"):
                selection.SetReferenceActiveLabelVolumeID(node.GetID())
            else:
                selection.SetReferenceActiveVolumeID(node.GetID())
            self._application_logic.PropagateVolumeSelection()
        return node

    def _loadSegmentationFile(self, fileName, properties, messages):
        colors = self._scene.GetNodeByID(properties.get("colorNodeID") or "")
        return self._logics["Segmentations"].LoadSegmentationFromFile(
            fileName,
            bool(properties.get("autoOpacities", True)),
            properties.get("name") or "",
            colors,
            messages,
        )

    def _loadMarkupsFile(self, fileName, properties, _messages):
        name = properties.get("name") or _base_name(fileName)
        identifiers = self._logics["Markups"].LoadMarkups(fileName, name) or ""
        return self._scene.GetNodeByID(identifiers.split(",")[0])

    def _loadModelFile(self, fileName, properties, _messages):
        node = self._logics["Models"].AddModel(fileName)
        if node is not None and properties.get("name"):
            node.SetName(properties["name"])
        return node

    def _loadTransformFile(self, fileName, properties, _messages):
        return self._logics["Transforms"].AddTransform(fileName, self._scene)

    def _loadColorTableFile(self, fileName, properties, _messages):
        return self._application_logic.GetColorLogic().LoadColorFile(fileName)

    def _loadTableFile(self, fileName, properties, _messages):
        return self._load_storable("vtkMRMLTableNode", fileName, properties)

    def _loadTextFile(self, fileName, properties, _messages):
        return self._load_storable("vtkMRMLTextNode", fileName, properties)

    def _load_storable(self, className: str, fileName: str, properties):
        name = properties.get("name") or _base_name(fileName)
        node = self._scene.AddNewNodeByClass(className, name)
        node.AddDefaultStorageNode()
        node.GetStorageNode().SetFileName(fileName)
        if node.GetStorageNode().ReadData(node):
            return node
        self._scene.RemoveNode(node)
        return None


def _base_name(fileName: str) -> str:
    name = Path(fileName).name
    for extension, _ in READERS:
        if name.lower().endswith(extension):
            return name[: -len(extension)]
    return Path(name).stem
