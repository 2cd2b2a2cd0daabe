"""Real volumes as they come: any size, spacing, orientation and intensity scale."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from SemiWeakSegLib.cohort import check_cohort, from_folders, parse_classes
from SemiWeakSegLib.learning.plan import make_plan
from SemiWeakSegLib.learning.preprocess import prepare_image
from SemiWeakSegLib.learning.worker import work
from Testing.learning.tiny import make_run
from Testing.support import shared_data

pytestmark = pytest.mark.usefixtures("one_thread", "no_report")


def same_grid(first: sitk.Image, second: sitk.Image) -> bool:
    return first.GetSize() == second.GetSize() and all(
        np.allclose(getattr(first, name)(), getattr(second, name)(), atol=1e-5)
        for name in ("GetSpacing", "GetOrigin", "GetDirection")
    )


class TestSpinalCord:
    def test_mixed_slices_train_and_come_back_on_their_own_grids(self, tmp_path):
        data = shared_data("spinalcord")
        cohort = from_folders(data / "images", data / "labels", classes=parse_classes("1=cord"))
        assert check_cohort(cohort) == []
        run = make_run(tmp_path / "run", cohort, steps=2, predict=("all",))
        work(run)
        plan = run.read_plan()
        assert plan["dimensions"] == 2
        for case in cohort.cases:
            image = sitk.ReadImage(str(case.images[0]))
            for name in (case.images[0].name, f"{case.id}_uncertainty.nii.gz"):
                assert same_grid(sitk.ReadImage(str(run.predictions / name)), image)


class TestHippocampus:
    def test_arbitrary_intensity_scales_become_one(self, tmp_path):
        """Maxima differ ten-thousandfold between these files; what is trained on does not."""
        data = shared_data("hippocampus")
        classes = parse_classes("1=anterior,2=posterior")
        cohort = from_folders(data / "images", data / "labels", classes=classes)
        plan = make_plan(cohort)
        assert (plan.dimensions, plan.patch_size, plan.spacing) == (3, [48, 64, 40], [1, 1, 1])
        peaks = {}
        for case in cohort.cases[::8]:
            peaks[case.id] = float(sitk.GetArrayViewFromImage(sitk.ReadImage(case.images[0])).max())
            prepared = prepare_image(case.images, plan).image
            assert abs(prepared.mean()) < 0.3
            assert 0.7 < prepared.std() < 1.3
            assert np.abs(prepared).max() < 6
        assert max(peaks.values()) > 100 * min(peaks.values())
