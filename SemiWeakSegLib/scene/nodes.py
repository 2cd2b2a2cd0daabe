"""Nodes of the scene: listed by class, and removed together with what only they use."""

from __future__ import annotations

from typing import Any

import slicer


def nodesOfClass(className: str) -> list[Any]:
    """The nodes of a class in the scene, the oldest first; hidden ones too."""
    scene = slicer.mrmlScene
    count = scene.GetNumberOfNodesByClass(className)
    return [scene.GetNthNodeByClass(index, className) for index in range(count)]


def removeNode(node: slicer.vtkMRMLNode) -> None:
    """Remove a node, its display nodes and its storage nodes from their scene."""
    scene = node.GetScene()
    if scene is None:
        return
    followers = []
    if node.IsA("vtkMRMLDisplayableNode"):
        followers += [
            node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())
        ]
    if node.IsA("vtkMRMLStorableNode"):
        followers += [
            node.GetNthStorageNode(index) for index in range(node.GetNumberOfStorageNodes())
        ]
    scene.RemoveNode(node)
    for follower in followers:
        if follower is not None and scene.IsNodePresent(follower):
            scene.RemoveNode(follower)
