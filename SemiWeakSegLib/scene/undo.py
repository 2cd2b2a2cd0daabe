"""Undo and redo: the states before and after each change, with what else a change touched."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")
LIMIT = 100


@dataclass(frozen=True)
class Change(Generic[S]):
    """One step: its name for a menu, the states around it, and what goes along with it."""

    text: str
    before: S
    after: S
    done: Sequence[Callable[[], None]] = ()
    undone: Sequence[Callable[[], None]] = ()


class History(Generic[S]):
    """The last changes, and those that were undone and can be made again.

    ``undo`` and ``redo`` only tell the state to return to; ``undone`` and ``redone`` move on once
    that state is in force, so that a failure to write it leaves the history as it was.
    """

    def __init__(self, limit: int = LIMIT):
        self._done: deque[Change[S]] = deque(maxlen=limit)
        self._undone: list[Change[S]] = []

    def push(self, change: Change[S]) -> None:
        """Note a change that was made; what had been undone cannot be redone any more."""
        self._done.append(change)
        self._undone.clear()
        _call(change.done)

    @property
    def next_undo(self) -> Change[S] | None:
        """The change that undoing takes back."""
        return self._done[-1] if self._done else None

    @property
    def next_redo(self) -> Change[S] | None:
        """The change that redoing makes again."""
        return self._undone[-1] if self._undone else None

    def undone(self) -> None:
        """The last change has been taken back."""
        change = self._done.pop()
        self._undone.append(change)
        _call(reversed(change.undone))

    def redone(self) -> None:
        """The last undone change has been made again."""
        change = self._undone.pop()
        self._done.append(change)
        _call(change.done)

    def states(self) -> Iterator[S]:
        """Every state that undo or redo can still reach."""
        for change in (*self._done, *self._undone):
            yield change.before
            yield change.after


def _call(actions: Iterable[Callable[[], None]]) -> None:
    for action in actions:
        try:
            action()
        except Exception:
            # The cohort itself has changed already; what goes along with it must not hide that.
            logging.exception("What goes along with a change of the cohort was not changed too.")
