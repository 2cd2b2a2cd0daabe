"""What a person is told to do about a run that did not end well."""

from __future__ import annotations

import pytest

TRACEBACK = [
    "started: supervised on cpu",
    "Traceback (most recent call last):",
    '  File "worker.py", line 1, in work',
    "ValueError: case patient3: label map of (4, 4), image of (5, 5)",
    "failed: case patient3: label map of (4, 4), image of (5, 5)",
    "(details: log.txt)",
]


@pytest.fixture
def advice(application):
    """The module under test; its texts are Slicer's to translate."""
    from SemiWeakSegLib.panels import failure_advice

    return failure_advice


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("out of memory with batch 2 + 2, patch [64, 64]; batch 1 + 1 may fit", "memory"),
        ("CUDA out of memory. Tried to allocate 2.00 GiB", "memory"),
        ("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory", "memory"),
        ("[Errno 28] No space left on device: 'last.pt'", "disk"),
        ("[Errno 13] Permission denied: 'runs/a'", "disk"),
        ("No module named 'monai'", "package"),
        ("this command needs torch, which this Python does not have: see the README", "package"),
        ("the loss became nan in stage segment at step 12; a smaller learning rate", "diverged"),
        ("device 'cuda:3': there are 1 GPUs", "device"),
        ("CUDA error: device-side assert triggered", "device"),
        ("no training case has an annotated voxel: annotate at least one case", "cohort"),
        ("error: case p3, p3.nii.gz: found no such file; expected an image", "cohort"),
        ("something nobody thought of", "other"),
    ],
)
def test_failure_is_recognised_by_its_sentence(advice, sentence, kind):
    assert advice.kindOf(sentence) == kind


def test_worker_s_own_sentence_is_shown(advice):
    found = advice.adviceFor("failed", "out of memory with batch 2 + 2", TRACEBACK)
    assert found.sentence == "out of memory with batch 2 + 2"
    assert "patch_size" in found.toDo


def test_failure_without_a_sentence_takes_the_log_s(advice):
    found = advice.adviceFor("failed", "", TRACEBACK)
    assert found.sentence == "case patient3: label map of (4, 4), image of (5, 5)"
    assert found.kind == advice.COHORT


def test_process_that_ended_before_it_could_work_is_explained_by_its_log(advice):
    log = ["problem: this command needs torch and monai, which this Python does not have: see x"]
    found = advice.adviceFor("lost", "Its process is gone.", log)
    assert found.sentence.startswith("this command needs torch and monai")
    assert found.kind == advice.PACKAGE
    assert "Setup" in found.toDo


def test_first_of_several_listed_problems_is_told(advice):
    log = ["2 problems:", "  1. case a has no image", "  2. case b has no image"]
    assert advice.adviceFor("lost", "", log).sentence == "case a has no image"


def test_interpreter_that_cannot_find_the_library_is_explained(advice):
    log = ["/opt/Slicer/bin/PythonSlicer: No module named SemiWeakSegLib"]
    found = advice.adviceFor("lost", "", log)
    assert found.sentence == "No module named SemiWeakSegLib"


def test_process_that_was_ended_can_be_resumed(advice):
    found = advice.adviceFor("lost", "Its process is gone.", ["started: x", "stage segment"])
    assert found.kind == advice.LOST
    assert "Resume" in found.toDo


def test_problem_of_an_earlier_attempt_is_not_told_again(advice):
    log = [*TRACEBACK, "started: supervised on cpu", "stage segment"]
    assert advice.adviceFor("lost", "", log).kind == advice.LOST


def test_missing_folder_is_not_to_be_resumed(advice):
    found = advice.adviceFor(advice.FOLDER_GONE, "The run folder x is gone.")
    assert found.sentence == "The run folder x is gone."
    assert "Resume" not in found.toDo
