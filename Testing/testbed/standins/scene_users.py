"""What widgets share that have a MRML scene."""

from __future__ import annotations


class SceneUser:
    """``mrmlScene``, ``setMRMLScene`` and ``mrmlSceneChanged``; observers leave with the scene."""

    _scene = None
    _watch = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        if scene is self._scene:
            return
        if self._watch is not None:
            self._watch.end()
        self._scene = scene
        self._watch = Watch(scene, self._scene_events(), self._scene_event) if scene else None
        if self._watch is not None:
            self.destroyed.connect(self._watch.end)
        self._scene_set()
        if hasattr(self, "mrmlSceneChanged"):
            self.mrmlSceneChanged.emit(scene)

    def _scene_events(self) -> tuple:
        return ()

    def _scene_event(self, _caller, _event) -> None:
        """An event of _scene_events happened."""

    def _scene_set(self) -> None:
        """The scene is another one."""


class Watch:
    """Observers of one VTK object that end together, at the latest with their widget."""

    def __init__(self, observed, events: tuple, callback) -> None:
        self._observed = observed
        # Unbound: the testbed takes a module's observers off the scene, not those of widgets.
        observe = type(observed).AddObserver
        self._tags = [observe(observed, event, callback) for event in events]

    def end(self, *_arguments) -> None:
        for tag in self._tags:
            self._observed.RemoveObserver(tag)
        self._tags = []
