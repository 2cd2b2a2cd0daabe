"""The kernel of the dense CRF: the same settings for the method and for the term."""

from __future__ import annotations

from dataclasses import dataclass

from SemiWeakSegLib.methods.settings import ABOVE_ZERO, Settings, setting

AUTOMATIC_REACH = 0.08
"""The dense kernel's reach, as a share of the images' mean extent, where none is given."""

COMPARED_CHANNELS = 2
"""Images of more channels are compared by their first ones: the affinities of more channels at
once cost ten times as much and are less exact."""

LEAST_SIGMA = 0.02
"""Of intensities, in dense kernels: below it, the levels that they are split into get so many that
memory and time explode."""


@dataclass(frozen=True)
class CRFKernel(Settings):
    """Gaussian affinities in space and intensity, the form of the energy, and who takes part."""

    sigma_space_mm: float = setting(
        0.0,
        "reach of the dense kernel in space; 0 chooses it from the data",
        minimum=0.0,
        unit="mm",
    )
    sigma_intensity: float = setting(
        0.1,
        "intensity difference, of a range of 1, that counts as alike",
        minimum=LEAST_SIGMA,
        maximum=10.0,
    )
    smoothness: float = setting(
        0.0,
        "weight of a second Gaussian that looks at distance alone; 0 leaves it out",
        minimum=0.0,
    )
    smoothness_sigma_mm: float = setting(
        3.0,
        "reach of the second Gaussian",
        minimum=0.01,
        unit="mm",
        used_if={"smoothness": ABOVE_ZERO},
    )
    form: str = setting(
        "potts",
        "potts: s'W(1-s); quadratic: w |s_p - s_q|^2; normalised_cut: s'W(1-s) / d's of each class",
        choices=("potts", "quadratic", "normalised_cut"),
    )
    gate: str = setting(
        "image",
        "which voxels take part: image: all; unlabeled: those without annotation and what is near "
        "them; annotated: those with annotation and what is near them",
        choices=("image", "unlabeled", "annotated"),
    )
    gate_mm: float = setting(
        0.0,
        "how far along each axis a gate counts as near; 0: the dense kernel's reach",
        minimum=0.0,
        unit="mm",
        title="Gate reach",
        used_if={"gate": ("unlabeled", "annotated")},
    )

    def kind_of(self, neighbourhood: str) -> str:
        """What a term of this kernel with a dense or a grid neighbourhood is called in curves."""
        kind = "normalised_cut" if self.form == "normalised_cut" else "crf"
        return kind if neighbourhood == "dense" else f"{kind}_grid"
