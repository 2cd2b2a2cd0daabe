"""An adversary between annotated and unlabeled cases."""

from __future__ import annotations

from typing import Any

import torch

from ...methods.adversarial_terms import AdversarialTerm as AdversarialSettings
from ..batches import Batch, PatchSampler
from ..discriminators import ImageDiscriminator
from ..losses.adversarial import predicted_maps
from .adversary import Adversary
from .base import StageContext, Step, Term


class AdversarialTerm(Term):
    """fool(D(s, x)) on unlabeled cases (Zhang et al., MICCAI 2017).

    D learns to tell the student's maps on annotated cases (real) from those on unlabeled cases,
    after each step. The maps on annotated cases are predicted on patches of their own, drawn like
    the unlabeled ones: those of supervision are centred on annotated voxels, and D would learn
    to tell where patches lie instead of how good the maps are. D sees the images as they are
    without the views' noise, which may differ too; outside the image maps are 0.
    """

    name = "adversarial"
    uses_unlabeled = True

    def __init__(self, settings: AdversarialSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.coming: tuple[torch.Tensor, ...] | None = None

    def start(self, context: StageContext) -> None:
        plan, settings = context.plan, self.settings
        self.store = context.store
        self.augmentation = context.augmentation
        channels = plan.num_classes + (plan.channels_in if settings.see_image else 0)
        network = ImageDiscriminator(
            plan, channels, settings.discriminator_width, settings.is_spectral
        )
        self.adversary = Adversary(network, settings, context, self.name)

    def __call__(self, step: Step) -> torch.Tensor:
        if step.labeled is None or step.unlabeled is None:
            return step.zero()
        maps = self._maps(step.unlabeled, step.unlabeled_logits)
        counts = _shows_something(step.unlabeled)
        like = self._like_unlabeled(step)
        with torch.no_grad():
            real = self._maps(like, step.ask_student(like.image))
        self.coming = (real, maps.detach(), _shows_something(like), counts)
        return self.adversary.fooling_loss(self.adversary.fool(maps), counts)

    def _like_unlabeled(self, step: Step) -> Batch:
        """Patches of this step's annotated cases, as those of the unlabeled ones are drawn."""
        unlabeled = step.unlabeled
        sampler = PatchSampler(
            self.store,
            sorted({case for case, _ in step.labeled.units}),
            len(unlabeled),
            self.augmentation,
            annotated=False,
            strong_view=unlabeled.image is not unlabeled.weak_image,
        )
        return sampler.draw(step.generator)

    def _maps(self, batch: Batch, logits: torch.Tensor) -> torch.Tensor:
        """What D sees: (B, K, *patch) maps, followed by the image's channels."""
        maps = predicted_maps(logits, batch.valid)
        return torch.cat([maps, batch.clean], dim=1) if self.settings.see_image else maps

    def after_step(self, step: Step) -> None:
        if self.coming is not None:
            self.adversary.learn(step, *self.coming, ramp=self.ramp)
            self.coming = None

    def state_dict(self) -> dict[str, Any]:
        return self.adversary.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.adversary.load_state_dict(state)


def _shows_something(batch: Batch) -> torch.Tensor:
    """(B, 1) bool: which patches reach into their image."""
    return batch.valid.flatten(1).any(dim=1, keepdim=True)
