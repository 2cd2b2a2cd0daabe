"""Writes nodes and scenes as Slicer's node writers do."""

from __future__ import annotations

from pathlib import Path

import slicer
import vtk

from .messages import failed


class Writer:
    """``saveNodes`` (into the node's own file) and ``exportNodes`` (a copy, the node untouched)."""

    def fileWriterFileType(self, node, _format: str = "") -> str:
        return {
            "vtkMRMLSegmentationNode": "SegmentationFile",
            "vtkMRMLTableNode": "TableFile",
            "vtkMRMLTextNode": "TextFile",
            "vtkMRMLModelNode": "ModelFile",
        }.get(
            node.GetClassName(), "MarkupsFile" if node.IsA("vtkMRMLMarkupsNode") else "VolumeFile"
        )

    def fileWriterExtensions(self, node) -> list[str]:
        if not node.IsA("vtkMRMLStorableNode"):
            return []
        # As in the real application, asking leaves a default storage node behind.
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        if storage is None:
            return []
        types = storage.GetSupportedWriteFileTypes()
        return [types.GetValue(index) for index in range(types.GetNumberOfValues())]

    def extractKnownExtension(self, fileName: str, node) -> str:
        helper = slicer.vtkDataFileFormatHelper
        known = [
            helper.GetFileExtensionFromFormatString(x) for x in self.fileWriterExtensions(node)
        ]
        fits = [extension for extension in known if extension and fileName.endswith(extension)]
        return max(fits, key=len, default="")

    def stripKnownExtension(self, fileName: str, node) -> str:
        extension = self.extractKnownExtension(fileName, node)
        while extension and fileName.endswith(extension):
            fileName = fileName[: -len(extension)]
        return fileName

    def addDefaultStorageNodes(self) -> None:
        for index in range(self._scene.GetNumberOfNodes()):
            node = self._scene.GetNthNode(index)
            if node.IsA("vtkMRMLStorableNode") and node.GetStorageNode() is None:
                node.AddDefaultStorageNode()

    def saveScene(self, fileName: str, _screenShot=None, userMessages=None) -> bool:
        path = Path(fileName)
        if path.suffix == ".mrb":
            return bool(self._scene.WriteToMRB(str(path), None, userMessages))
        if path.suffix == ".mrml":
            self._scene.SetRootDirectory(str(path.parent))
            self._scene.SetURL(str(path))
            return bool(self._scene.Commit(str(path), userMessages))
        path.mkdir(parents=True, exist_ok=True)
        return bool(self._scene.SaveSceneToSlicerDataBundleDirectory(str(path), None))

    def saveNodes(self, fileType, parameters, userMessages=None, scene=None) -> bool:
        scene = scene or self._scene
        fileName = str(parameters["fileName"])
        if fileType == "SceneFile":
            return self.saveScene(fileName, None, userMessages)
        Path(fileName).parent.mkdir(parents=True, exist_ok=True)
        node = scene.GetNodeByID(parameters["nodeID"])
        if node is None or not node.IsA("vtkMRMLStorableNode"):
            return failed(userMessages, f"No storable node for {fileName}.")
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        if storage is None or not storage.SupportedFileType(fileName):
            return failed(userMessages, f"No writer found to write file {fileName}.")
        storage.SetFileName(fileName)
        if parameters.get("fileFormat"):
            storage.SetWriteFileFormat(parameters["fileFormat"])
        if "useCompression" in parameters:
            storage.SetUseCompression(int(parameters["useCompression"]))
        if "compressionParameter" in parameters:
            storage.SetCompressionParameter(parameters["compressionParameter"])
        if not storage.WriteData(node):
            return failed(userMessages, f"Writing {fileName} failed.")
        self.emitFileSaved(parameters)
        return True

    def exportNodes(self, *arguments) -> bool:
        """Both forms of the real method; nodes are copied to a scene of their own first."""
        if arguments and arguments[0] and isinstance(arguments[0][0], str):
            ids, names, common, *rest = arguments
            maps = [
                {**common, "nodeID": identifier, "fileName": name}
                for identifier, name in zip(ids, names, strict=True)
            ]
        else:
            maps, *rest = arguments
        harden = rest[0] if rest else False
        messages = rest[1] if len(rest) > 1 else None
        done = [self._export(parameters, harden, messages) for parameters in maps]
        return all(done)

    def _export(self, parameters: dict, harden: bool, messages) -> bool:
        if not all(
            isinstance(parameters.get(k), str) for k in ("nodeID", "fileName", "fileFormat")
        ):
            return failed(messages, "nodeID, fileName and fileFormat must be strings.")
        node = self._scene.GetNodeByID(parameters["nodeID"])
        if node is None or not node.IsA("vtkMRMLStorableNode"):
            return failed(messages, f"No storable node with ID {parameters['nodeID']}.")
        temporary = slicer.vtkMRMLScene()
        self._scene.CopyDefaultNodesToScene(temporary)
        self._scene.CopyRegisteredNodesToScene(temporary)
        self._scene.CopySingletonNodesToScene(temporary)
        temporary.SetDataIOManager(self._scene.GetDataIOManager())
        copy = temporary.AddNewNodeByClass(node.GetClassName())
        copy.CopyContent(node, harden)
        parent = node.GetParentTransformNode() if node.IsA("vtkMRMLTransformableNode") else None
        if harden and parent is not None:
            _harden(copy, parent, temporary)
        if not copy.AddDefaultStorageNode():
            return failed(messages, f"No default storage node for {node.GetName()}.")
        if node.IsA("vtkMRMLDisplayableNode") and node.GetDisplayNode():
            display = temporary.AddNewNodeByClass(node.GetDisplayNode().GetClassName())
            display.CopyContent(node.GetDisplayNode())
            copy.SetAndObserveDisplayNodeID(display.GetID())
        moved = {**parameters, "nodeID": copy.GetID()}
        return self.saveNodes(self.fileWriterFileType(node), moved, messages, temporary)


def _harden(copy, parent, scene) -> None:
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode")
    combined = vtk.vtkGeneralTransform()
    parent.GetTransformFromWorld(combined)
    transform.SetAndObserveTransformFromParent(combined)
    copy.SetAndObserveTransformNodeID(transform.GetID())
    copy.HardenTransform()
