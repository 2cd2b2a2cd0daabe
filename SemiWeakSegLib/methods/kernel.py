"""The kernel of the dense CRF: the same settings for the method and for the term."""

from __future__ import annotations

from dataclasses import dataclass

from SemiWeakSegLib.methods.settings import Settings, setting


@dataclass(frozen=True)
class CRFKernel(Settings):
    """Gaussian affinities in space and intensity, and the form of the energy."""

    sigma_space_mm: float = setting(
        0.0,
        "reach of the dense kernel in space; 0 chooses it from the data",
        minimum=0.0,
        unit="mm",
    )
    sigma_intensity: float = setting(
        0.1,
        "intensity difference, of a range of 1, that counts as alike",
        minimum=0.001,
        maximum=10.0,
    )
    smoothness: float = setting(
        0.0,
        "weight of a second Gaussian that looks at distance alone; 0 leaves it out",
        minimum=0.0,
    )
    smoothness_sigma_mm: float = setting(
        3.0, "reach of the second Gaussian", minimum=0.01, unit="mm"
    )
    form: str = setting(
        "potts", "potts: s'W(1-s); quadratic: w |s_p - s_q|^2", choices=("potts", "quadratic")
    )
