"""The menu: one settings dataclass per method, and the terms a user may add. Standard library."""

from SemiWeakSegLib.methods.boxes import Boxes
from SemiWeakSegLib.methods.constrained import Constrained
from SemiWeakSegLib.methods.curriculum_size import CurriculumSize
from SemiWeakSegLib.methods.cutmix import CutMix
from SemiWeakSegLib.methods.entropy import Entropy
from SemiWeakSegLib.methods.menu import (
    METHODS,
    as_json,
    by_family,
    conflicts,
    describe,
    get,
    idle_settings,
    idle_terms,
    missing_requirements,
)
from SemiWeakSegLib.methods.oracle_size import OracleSize
from SemiWeakSegLib.methods.proposals import Proposals
from SemiWeakSegLib.methods.pseudo_label import PseudoLabel
from SemiWeakSegLib.methods.recommend import Recommendation, recommend
from SemiWeakSegLib.methods.refinement import Refinement
from SemiWeakSegLib.methods.scribble_crf import ScribbleCRF
from SemiWeakSegLib.methods.segmentation import FAMILIES, SegmentationSettings
from SemiWeakSegLib.methods.settings import FieldDescription, Settings, SettingsError, setting
from SemiWeakSegLib.methods.supervised import Supervised
from SemiWeakSegLib.methods.tags import Tags
from SemiWeakSegLib.methods.terms import (
    TERMS,
    BoxTerm,
    CandidateTerm,
    CRFTerm,
    EntropyTerm,
    PseudoLabelTerm,
    SizeTerm,
    TermRequest,
    TermSettings,
    parse_term,
)

__all__ = [
    "FAMILIES",
    "METHODS",
    "TERMS",
    "BoxTerm",
    "Boxes",
    "CRFTerm",
    "CandidateTerm",
    "Constrained",
    "CurriculumSize",
    "CutMix",
    "Entropy",
    "EntropyTerm",
    "FieldDescription",
    "OracleSize",
    "Proposals",
    "PseudoLabel",
    "PseudoLabelTerm",
    "Recommendation",
    "Refinement",
    "ScribbleCRF",
    "SegmentationSettings",
    "Settings",
    "SettingsError",
    "SizeTerm",
    "Supervised",
    "Tags",
    "TermRequest",
    "TermSettings",
    "as_json",
    "by_family",
    "conflicts",
    "describe",
    "get",
    "idle_settings",
    "idle_terms",
    "missing_requirements",
    "parse_term",
    "recommend",
    "setting",
]
