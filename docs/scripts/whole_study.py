"""A whole study without a window: cohort, checks, training, results, a second round.

    Slicer --no-main-window --python-script whole_study.py OUT [--images DIR --labels DIR
        --classes liver,tumor] [--method pseudo_label] [--steps 500]

Without --images it works on a synthetic cohort that it makes itself. OUT gets the cohort, the runs
and the accepted segmentations. In the first round the model learns from the labels there are; its
most certain prediction is then accepted (in your own work: look at it first) and the second round
learns from it too.
"""

import argparse
import sys
import traceback
from pathlib import Path

import slicer


def main() -> None:
    arguments = parse(sys.argv[1:])
    import SemiWeakSeg  # the module; Slicer knows its folder
    from SemiWeakSegLib.cohort import make_phantom

    logic = SemiWeakSeg.SemiWeakSegLogic()
    if arguments.images is None:
        folder = Path(arguments.out) / "hearts"
        make_phantom(folder, patients=8, labeled=1, scribbled=2)
        study = logic.openCohort(folder)
    else:
        study = logic.createCohortFromFolders(
            arguments.out,
            images=arguments.images,
            labels=arguments.labels,
            classes=arguments.classes.split(",") if arguments.classes else (),
        )
        study.splitCases(validation=0.2, test=0.2, seed=0)
    inspection = logic.inspect(waitForCompletion=True)
    for problem in inspection.problems:
        print(problem.message)

    first = train(logic, arguments)
    rows = logic.listResults(first)
    unlabeled = [row for row in rows if inspection.facts[row.caseId].kind == "unlabeled"]
    print("most uncertain:", ", ".join(row.caseId for row in rows[:3]))
    if len(unlabeled) > 1:  # or the second round has none to learn from
        certain = unlabeled[-1].caseId
        logic.loadResults(first, cases=[certain], uncertainty=True)
        logic.acceptResults(first, cases=[certain])
        print("accepted:", certain)
        train(logic, arguments)
    logic.cleanup()


def train(logic, arguments):
    """One round; prints what the model scores where the truth is known."""

    def show(event):
        if event["kind"] == "validation":
            print(f"step {event['step']}: Dice {event['mean_dice']:.3f}")

    run = logic.train(arguments.method, steps=arguments.steps, waitForCompletion=True, onEvent=show)
    scores = [row.meanDice for row in logic.listResults(run) if row.meanDice is not None]
    if scores:
        print(f"{run.path.name}: mean Dice {sum(scores) / len(scores):.3f} of {len(scores)} cases")
    return run


def parse(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--images")
    parser.add_argument("--labels")
    parser.add_argument("--classes")
    parser.add_argument("--method", default="pseudo_label")
    parser.add_argument("--steps", type=int, default=500)
    return parser.parse_args(words)


if __name__ == "__main__":
    try:
        main()
    except Exception:
        traceback.print_exc()
        slicer.util.exit(slicer.util.EXIT_FAILURE)
    else:
        slicer.util.exit(slicer.util.EXIT_SUCCESS)
