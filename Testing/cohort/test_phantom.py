"""The synthetic hearts: sound, anatomical, varied, deterministic, called synthetic."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from SemiWeakSegLib.cohort import (
    Cohort,
    annotated_fraction,
    check_cohort,
    make_patient,
    make_phantom,
    read_image,
    read_label,
    summary,
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Cohort:
    return make_phantom(tmp_path_factory.mktemp("phantom"))


class TestCohort:
    def test_default_counts(self, cohort):
        counts = summary(cohort)
        assert (counts.cases, counts.train, counts.validation, counts.test) == (24, 14, 4, 6)
        assert (counts.labeled, counts.scribbled, counts.unlabeled) == (2, 4, 8)
        assert (counts.with_truth, counts.classes, counts.dimension) == (8, 3, 3)

    def test_is_sound_and_saved(self, cohort):
        assert check_cohort(cohort) == []
        assert Cohort.load(cohort.path) == cohort

    def test_says_that_it_is_synthetic(self, cohort):
        assert "Synthetic" in Cohort.load(cohort.path).description
        assert all("synthetic" in case.id for case in cohort.cases)
        assert all("synthetic" in case.images[0].name for case in cohort.cases)

    def test_phases_of_a_patient_stay_together(self, cohort):
        for patient in {case.group for case in cohort.cases}:
            cases = [case for case in cohort.cases if case.group == patient]
            assert sorted(case.id[-2:] for case in cases) == ["ED", "ES"]
            assert len({case.role for case in cases}) == 1

    def test_scribbles_are_few_and_true(self, cohort):
        for case in cohort.by_role("train"):
            if cohort.annotation_kind(case) == "scribbled":
                label, truth = read_label(case.label)[0], read_label(case.truth)[0]
                assert annotated_fraction(label) <= 0.01
                assert np.array_equal(label[label != 255], truth[label != 255])

    def test_labeled_cases_are_of_different_patients(self, cohort):
        labeled = [c for c in cohort.by_role("train") if cohort.annotation_kind(c) == "labeled"]
        assert len({case.group for case in labeled}) == 2
        assert {case.id[-2:] for case in labeled} == {"ED", "ES"}

    def test_counts_must_fit(self, tmp_path):
        with pytest.raises(ValueError, match="leave one for training"):
            make_phantom(tmp_path, patients=3, validation_patients=2, test_patients=1)
        with pytest.raises(ValueError, match="do not fit the 2 cases of 1"):
            make_phantom(
                tmp_path, 2, labeled=2, scribbled=1, validation_patients=1, test_patients=0
            )
        assert list(tmp_path.iterdir()) == []


class TestHearts:
    def test_same_seed_same_heart(self):
        first, second, other = make_patient(3), make_patient(3), make_patient(3, seed=1)
        for phase in ("ED", "ES"):
            assert np.array_equal(first.images[phase], second.images[phase])
            assert np.array_equal(first.labels[phase], second.labels[phase])
        assert first.geometry == second.geometry != other.geometry

    @pytest.mark.parametrize("index", range(6))
    def test_anatomy(self, index):
        patient = make_patient(index)
        volumes = {}
        for phase, label in patient.labels.items():
            assert sorted(np.unique(label)) == [0, 1, 2, 3]
            volumes[phase] = np.bincount(label.ravel()) * patient.geometry.voxel_size / 1000
            # Muscle surrounds the cavity: no cavity pixel touches anything else.
            grown = ndimage.binary_dilation(label == 1, np.ones((1, 3, 3)))
            assert set(np.unique(label[grown])) <= {1, 2}
            for value in (1, 2, 3):
                _, pieces = ndimage.label(label == value, np.ones((3, 3, 3)))
                assert pieces == 1
        ejection = 1 - volumes["ES"][1] / volumes["ED"][1]
        assert 0.3 < ejection < 0.85
        assert 40 < volumes["ED"][1] < 260  # millilitres
        assert volumes["ES"][3] < volumes["ED"][3]

    def test_blood_is_brighter_than_muscle(self):
        for index in range(6):
            patient = make_patient(index)
            image, label = patient.images["ED"], patient.labels["ED"]
            means = [image[label == value].mean() for value in (1, 2, 3)]
            assert means[0] > 1.2 * means[1]
            assert means[2] > 1.1 * means[1]

    def test_patients_differ(self):
        patients = [make_patient(index) for index in range(8)]
        assert len({patient.geometry.direction for patient in patients}) == 8
        assert len({patient.geometry.size for patient in patients}) >= 3
        brightness = [patient.images["ED"].mean() for patient in patients]
        assert max(brightness) > 3 * min(brightness)
        angles = [
            np.abs(patient.geometry.direction_matrix).max(axis=0).min() for patient in patients
        ]
        assert max(angles) < 0.999  # every grid is oblique
        flips = {tuple(np.sign(p.geometry.direction_matrix.diagonal())) for p in patients}
        assert len(flips) >= 3

    def test_phases_share_a_grid_and_a_surrounding(self):
        patient = make_patient(0)
        far = ndimage.distance_transform_edt(
            np.all([label == 0 for label in patient.labels.values()], axis=0), (8, 1.75, 1.75)
        )
        ed, es = (
            ndimage.gaussian_filter(patient.images[p].astype(float), (0, 2, 2))
            for p in ("ED", "ES")
        )
        assert np.corrcoef(ed[far > 25], es[far > 25])[0, 1] > 0.95

    def test_files_hold_what_was_drawn(self, cohort):
        patient = make_patient(0)
        case = cohort.case("synthetic_heart_001_ED")
        image, geometry = read_image(case.images)
        assert np.array_equal(image[0], patient.images["ED"])
        assert patient.geometry.describe_difference(geometry, 1e-3) is None
