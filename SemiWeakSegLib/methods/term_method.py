"""Methods that are supervision and one more term: the term's settings become the method's."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from SemiWeakSegLib.methods.segmentation import SegmentationSettings
from SemiWeakSegLib.methods.term import TermSettings
from SemiWeakSegLib.methods.terms import TermRequest


@dataclass(frozen=True)
class TermMethod(SegmentationSettings):
    """Base of methods that add the term ``term`` to supervision, on all training cases.

    A method declares its fields by inheriting the same fields class as its term, and its own
    ``weight``. Recipe: `learning.recipes.one_term`.
    """

    term: ClassVar[type[TermSettings]]

    @property
    def whole_images(self) -> bool:
        """What its term says."""
        return self.request().settings.whole_images

    @property
    def learns_from(self) -> str | None:
        """What its term says."""
        return self.request().settings.learns_from

    def request(self) -> TermRequest:
        """The term as if the user had added it, with this method's values."""
        values = {each.name: getattr(self, each.name) for each in fields(self.term)}
        return TermRequest(self.term.name, self.weight, self.term(**values))

    def validate(self) -> list[str]:
        """Field problems, and those of the term."""
        problems = super().validate()
        known = set(problems)
        return problems + [each for each in self.request().settings.validate() if each not in known]
