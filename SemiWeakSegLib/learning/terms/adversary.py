"""A discriminator in training: its updates, its scores, and a warning where the game is over."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ...methods.adversarial_terms import DiscriminatorFields
from ..losses.adversarial import discriminator_loss, fooling_loss, gradient_penalty, realness
from ..networks import on_device
from .base import StageContext, Step

# Steps over which it is seen how often the discriminator is right, and the limits of that; of
# short stages this share of them, but not fewer than so many.
WINDOW = 100
WINDOW_SHARE, FEWEST = 0.1, 10
WINS, LOSES = 0.98, 0.52
# The game is not judged before: both networks are still new. A ramp may end later than it is.
WARM_UP, LATEST = 0.1, 0.5
# Of the distance of a critic's scores of real and other maps.
MEMORY = 0.95


class Adversary:
    """Owns a discriminator and its optimiser; a term asks it for scores and lets it learn.

    All is done in full precision. The weights take a gradient in ``learn`` only, so that what the
    segmenter is told does not reach them.
    """

    def __init__(
        self, network: nn.Module, settings: DiscriminatorFields, context: StageContext, name: str
    ):
        self.settings = settings
        self.network = on_device(network, context.device).requires_grad_(False)
        context.copy_from_main(self.network)
        self.average, self.average_gradients = context.average, context.average_gradients
        # Momentum makes the two networks turn around each other: less than usual, and none for a
        # critic (Radford et al. 2016; Gulrajani et al. 2017).
        betas = (0.0, 0.9) if settings.criterion == "wasserstein" else (0.5, 0.99)
        fused = {"fused": True} if context.device.type in ("cpu", "cuda") else {}
        self.optimiser = torch.optim.Adam(
            self.network.parameters(), lr=settings.discriminator_rate, betas=betas, **fused
        )
        # For a critic: the mean score of the latest other maps, as all its scores wander together,
        # and the sum of the moving average of how far those of real maps lie above.
        self.usual = torch.zeros(2, device=context.device)
        self.updates = 0
        self.watch = Watch(settings, context, name)

    def fool(self, maps: torch.Tensor) -> torch.Tensor:
        """Scores of (B, C, *patch) maps, with a gradient to the maps alone."""
        # In eval mode the spectral norms rest: they move with the updates.
        return self.network.eval()(maps)

    def fooling_loss(self, scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What the segmenter minimises."""
        return fooling_loss(scores, self.settings.criterion, mask)

    def realness(self, scores: torch.Tensor) -> torch.Tensor:
        """The scores in [0, 1], without a gradient."""
        fake, above = self.usual[0], self.usual[1] / max(1e-12, 1 - MEMORY**self.updates)
        return realness(scores.detach(), self.settings.criterion, (fake, fake + above))

    def learn(
        self,
        step: Step,
        real: torch.Tensor,
        fake: torch.Tensor,
        real_mask: torch.Tensor,
        fake_mask: torch.Tensor,
        *,
        ramp: float,
    ) -> None:
        """One update on (B, C, *patch) real and other maps; masks: the scores that count.

        ``ramp``: how long the segmenter is not yet held to it.
        """
        # A step of half floats that overflowed is skipped by the trainer; it must not end up here.
        real, fake = (torch.nan_to_num(maps.detach()) for maps in (real, fake))
        settings = self.settings
        self.network.requires_grad_(True).train()
        of_real, of_fake = self.network(torch.cat([real, fake])).split([len(real), len(fake)])
        loss = discriminator_loss(
            of_real, of_fake, settings.criterion, real_mask, fake_mask, settings.label_smoothing
        )
        if settings.criterion == "wasserstein" and settings.gradient_penalty > 0:
            shares = torch.rand(len(real), generator=step.generator)
            voxels = real_mask & fake_mask if of_real.ndim > 2 else None
            penalty = gradient_penalty(self.network, real, fake, shares, voxels)
            loss = loss + settings.gradient_penalty * penalty
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.average_gradients(self.network)
        self.optimiser.step()
        self.network.requires_grad_(False)
        self._note(step, of_real.detach(), of_fake.detach(), real_mask, fake_mask, ramp)

    def _note(self, step, of_real, of_fake, real_mask, fake_mask, ramp: float) -> None:
        if self.settings.criterion == "wasserstein":
            means = [_share(of_fake, fake_mask)[0], _share(of_real, real_mask)[0]]
            fake, real = self.average(torch.stack(means))
            above = MEMORY * self.usual[1] + (1 - MEMORY) * (real - fake)
            self.usual = torch.stack([fake, above])
        self.updates += 1
        if step.progress >= min(max(ramp, WARM_UP), LATEST):
            real_right = _share(self.realness(of_real) > 0.5, real_mask)
            fake_right = _share(self.realness(of_fake) <= 0.5, fake_mask)
            self.watch.note(torch.stack([*real_right, *fake_right]), step.progress)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "usual": self.usual,
            "updates": self.updates,
            "watch": self.watch.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of ``state_dict``."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.usual = state["usual"].to(self.usual)
        self.updates = state["updates"]
        self.watch.load_state_dict(state["watch"])


class Watch:
    """Says once where the discriminator is always right, and once where it only guesses.

    Judged over windows of steps by the mean of its hits on real and on other maps; one that only
    guesses may not have begun to learn, so two windows in a row must say so. The hits stay on the
    device: it is waited for once a window.
    """

    def __init__(self, settings: DiscriminatorFields, context: StageContext, name: str):
        self.settings, self.context, self.name = settings, context, name
        # Hits on real maps, steps with real maps, hits on others, steps with others.
        self.sums = torch.zeros(4, device=context.device)
        self.steps = 0
        self.begun: float | None = None
        self.guessed = False
        self.said: list[str] = []

    def note(self, hits: torch.Tensor, progress: float) -> None:
        """(4,) of one step, as in ``sums``, and how far the stage is."""
        self.sums = self.sums + hits
        self.steps += 1
        self.begun = progress if self.begun is None else self.begun
        is_short = self.steps >= FEWEST and progress - self.begun >= WINDOW_SHARE
        if self.steps < WINDOW and not is_short:
            return
        steps = self.steps
        real, with_real, other, with_other = self.context.average(self.sums).tolist()
        self.sums, self.steps, self.begun = torch.zeros_like(self.sums), 0, None
        if with_real > 0 and with_other > 0:
            self._judge(0.5 * (real / with_real + other / with_other), steps)

    def _judge(self, right: float, steps: int) -> None:
        settings = self.settings
        rate = settings.discriminator_rate
        guessed, self.guessed = self.guessed, right < LOSES
        # The slope of a critic does not vanish where it is always right.
        if right > WINS and settings.criterion != "wasserstein":
            self._say(
                "wins",
                f"the discriminator of {self.name} was right in {100 * right:.1f} % of its cases "
                f"over {steps} steps: one that always wins teaches little. Give it a smaller "
                f"discriminator_rate ({rate / 3:.2g}){self._if_always_right()}, or set criterion "
                "to wasserstein",
            )
        elif guessed and self.guessed:
            self._say(
                "loses",
                f"the discriminator of {self.name} was right in {100 * right:.1f} % of its cases "
                f"over {steps} steps, no better than by guessing: either the maps are alike by "
                "now, or it is too weak. If the results are poor, give it a greater "
                f"discriminator_rate ({rate * 3:.2g}) or discriminator_width "
                f"({2 * settings.discriminator_width})"
                + (", or set spectral_norm to off" if settings.is_spectral else ""),
            )

    def _if_always_right(self) -> str:
        if getattr(self.settings, "see_image", False):
            return ", set see_image to false"
        if getattr(self.settings, "true_maps", "") == "one_hot":
            return ", set true_maps to softened"
        return ""

    def _say(self, what: str, message: str) -> None:
        if what not in self.said:
            self.said.append(what)
            self.context.emit("warning", message=message)

    def state_dict(self) -> dict[str, Any]:
        return {
            "sums": self.sums,
            "steps": self.steps,
            "begun": self.begun,
            "guessed": self.guessed,
            "said": list(self.said),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.sums = state["sums"].to(self.sums)
        self.steps, self.begun = state["steps"], state["begun"]
        self.guessed, self.said = state["guessed"], list(state["said"])


def _share(values: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean over the mask, 0 where it is empty; and 1., or 0. where it is empty."""
    counted = mask.sum()
    return (values * mask).sum() / counted.clamp_min(1), (counted > 0).float()
