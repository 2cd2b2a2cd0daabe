"""The sample data a person can try at once, and the test that runs inside Slicer."""

from __future__ import annotations

import slicer

from Testing import testbed


class TestSampleData:
    def test_it_is_registered_when_slicer_has_started(self, module):
        import SampleData

        testbed.announce("startupCompleted()")
        # Every test's module has asked for it; in Slicer there is one.
        source = slicer.modules.sampleDataSources["SemiWeakSeg"][-1]
        assert source.sampleName == "SyntheticHearts"
        assert source.thumbnailFileName.endswith("SyntheticHearts.png")
        assert SampleData is not None

    def test_it_opens_in_the_module(self, module, tmp_path):
        cache = slicer.mrmlScene.GetCacheManager()
        before = cache.GetRemoteCacheDirectory()
        cache.SetRemoteCacheDirectory(str(tmp_path))
        try:
            assert module.source.openSyntheticHearts() == []
            study = module.logic.study
            assert study.folder == tmp_path / "SyntheticHearts"
            assert len(study.cohort.cases) == 24
            assert module.logic.activeCase == study.cohort.cases[0].id
            times = [path.stat().st_mtime_ns for path in (study.folder / "images").iterdir()]
            module.source.openSyntheticHearts()
            again = [path.stat().st_mtime_ns for path in (study.folder / "images").iterdir()]
            assert times == again
        finally:
            cache.SetRemoteCacheDirectory(before)


class TestSelfTest:
    def test_the_whole_path_passes(self, module):
        """What "Reload and Test" runs inside Slicer, training included."""
        from SemiWeakSegLib.scene.self_test import runSelfTest

        said = []
        logic = module.source.SemiWeakSegLogic()
        try:
            assert runSelfTest(logic, said.append)
        finally:
            logic.cleanup()
        assert said == ["Scribbling a case", "Training a few steps"]

    def test_without_torch_it_says_what_it_leaves_out(self, module, monkeypatch):
        from SemiWeakSegLib.scene.self_test import runSelfTest

        said = []
        logic = module.source.SemiWeakSegLogic()
        nothing = {"packages": {"torch": None, "monai": None}, "devices": [], "cache": None}
        monkeypatch.setattr(logic, "environment", lambda waitForCompletion=False: nothing)
        try:
            assert not runSelfTest(logic, said.append)
        finally:
            logic.cleanup()
        assert "not installed" in said[-1]
