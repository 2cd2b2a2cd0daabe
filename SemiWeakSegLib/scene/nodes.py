"""Removing nodes together with what only they use."""

from __future__ import annotations

import slicer


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
