"""Something that may begin only when the check of the cohort is up to date."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

MOST_CHECKS = 3


class CheckedStart:
    """Calls `act` once the cohort was checked as it is now; never waits.

    Who owns this calls `heed` whenever the "inspection" topic is emitted. `problem` is a sentence
    where the check itself could not be made.
    """

    def __init__(self, logic: Any, act: Callable[[], Any]) -> None:
        self.problem = ""
        self._logic = logic
        self._act = act
        self._checksLeft = 0

    @property
    def waiting(self) -> bool:
        """Whether a check is under way, after which `act` is called."""
        return self._checksLeft > 0

    def request(self) -> None:
        """Act now, or after a check where one is due."""
        self.problem = ""
        if self._logic.checking.isCurrent():
            self._act()
            return
        self._checksLeft = MOST_CHECKS
        if not self._logic.checking.running:
            self._logic.inspect()

    def cancel(self) -> None:
        """Do not act after all."""
        self._checksLeft = 0

    def heed(self) -> None:
        """The check said something; where it has ended, act or say why not."""
        checking = self._logic.checking
        if not self.waiting or checking.running:
            return
        self._checksLeft -= 1
        if checking.failure:
            self._checksLeft = 0
            self.problem = _("The cohort cannot be checked: {reason}").format(
                reason=checking.failure
            )
        elif checking.isCurrent():
            self._checksLeft = 0
            self._act()
        elif self.waiting:
            self._logic.inspect()
        else:
            self.problem = _("The cohort's files keep changing: start when they are complete.")
