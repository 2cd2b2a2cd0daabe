"""What each term of the loss costs beside what it brings: one table from results that are there.

    python Testing/benchmarks/term_cost.py --json Testing/benchmarks/results/term_cost.json
    python Testing/benchmarks/cost_beside_gain.py

Nothing is run by the second. The cost is a training step with the term over the same step without
it; the gain is the paired difference of Dice of the row in `GAINS`. The table goes to
``results/cost_beside_gain.md``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from few_rows import STUDIES, few_rows
from tables import Results, differences
from trials import RESULTS
from weak_rows import ROWS

FEW = "hippocampus"
ONE_LABELED = {
    name: (FEW, f"{name}-n1")
    for name in (
        "cutmix",
        "transformation",
        "pi_model",
        "ict",
        "mixup",
        "mean_teacher",
        "uncertainty_teacher",
        "temporal_ensembling",
        "adversarial",
        "adversarial_self_training",
    )
}
FIVE_LABELED = {
    "entropy": "entropy",
    "pseudo_label": "pseudo-labels",
    "size,sources=common": "size",
    "size,sources=common,penalty=log_barrier": "barrier",
    "moments": "moments",
    "prior,form=l2": "prior-l2",
    "prior,form=kl": "prior-kl",
    "prior,form=reverse_kl": "prior-reverse",
    "prior,form=prior_aware": "prior-aware",
    "area,sources=common": "area",
    "class_ratio": "class-ratio",
    "mutual_information": "mutual-information",
}
GAINS = {
    "crf": ("weak", "scribbles-crf"),
    "crf,neighbourhood=grid": ("weak", "scribbles-grid"),
    "crf,form=normalised_cut": ("weak", "scribbles-normalised-cut"),
    "crf,gate=unlabeled": ("weak", "scribbles-gated"),
    "boxes": ("weak", "boxes-bounds"),
    "candidates": ("weak", "boxes-crf"),
    "pseudo_label,selection=class_balanced": (FEW, "pseudo_label-balanced-n1"),
    **{term: ("weak", f"few-labels-{key}") for term, key in FIVE_LABELED.items()},
    **ONE_LABELED,
}
"""The row that shows what a term brings: its table, and its key there."""
WITHOUT = {"candidates": "boxes-no-candidates"}
"""The same training without the term, where that is not the first row with the annotation."""


def cost_beside_gain(folder: Path) -> str:
    """The table, from the results in a folder."""
    costs = json.loads((folder / "term_cost.json").read_text(encoding="utf-8"))
    tables = {
        "weak": Results(ROWS, folder / "weak"),
        FEW: Results(few_rows(STUDIES[FEW]), folder / "few_labels" / FEW),
    }
    lines = [
        f"| term | step, {' | step, '.join(costs)} | points of Dice | with |",
        f"|---|{'---|' * len(costs)}---|---|",
    ]
    for term in next(iter(costs.values())):
        ratios = " | ".join(f"{costs[name][term]:.2f}" for name in costs)
        named = "a batch of unlabeled cases" if term == "unlabeled batch" else f"`{term}`"
        lines.append(f"| {named} | {ratios} | {' | '.join(_gain(term, tables))} |")
    return "\n".join(lines) + "\n"


def _gain(term: str, tables: Mapping[str, Results]) -> tuple[str, str]:
    """The differences seed by seed, and the annotation they were found with."""
    if term not in GAINS:
        return "", ""
    name, key = GAINS[term]
    results = tables[name]
    rows = {row.key: row for row in results.rows}
    row = rows[key]
    found = results.paired(row, rows.get(WITHOUT.get(term)))
    return (differences(found), row.annotation) if found else ("", "")


def main() -> None:
    """Write and print the table."""
    text = cost_beside_gain(RESULTS)
    (RESULTS / "cost_beside_gain.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
