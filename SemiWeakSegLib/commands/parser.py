"""Parsers that teach: every command says what it does, how, and what its exit codes mean."""

from __future__ import annotations

import argparse
import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from SemiWeakSegLib.commands.failures import INPUT, MEANINGS, OK, USAGE

PROGRAM = "python -m SemiWeakSegLib"
WIDTH = 88


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    summary: str,
    description: str = "",
    examples: Sequence[str],
    exit_codes: Iterable[int] = (OK, USAGE, INPUT),
) -> argparse.ArgumentParser:
    """Add a sub-command; returns its parser, which still needs its arguments."""
    lines = ["examples:", *(f"  {PROGRAM} {example}" for example in examples), "", "exit codes:"]
    lines += [f"  {code:>3}  {MEANINGS[code]}" for code in exit_codes]
    parser = commands.add_parser(
        name,
        help=summary,
        description="\n\n".join(textwrap.fill(text, WIDTH) for text in (summary, description)),
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_debug(parser)
    parser.set_defaults(run_command=run, parser=parser)
    return parser


def add_debug(parser: argparse.ArgumentParser) -> None:
    """The option that every command has."""
    parser.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show the traceback of an error",
    )


def add_method_arguments(parser: Any) -> None:
    """What is asked of a training: method, settings, terms, plan and device."""
    parser.add_argument("--method", metavar="NAME", help="one of those that 'methods' lists")
    lists = {
        "--set": ("KEY=VALUE", "settings of the method"),
        "--add": ("TERM:WEIGHT", "further loss terms, with settings as in crf:1,sigma_space_mm=10"),
        "--plan": (
            "KEY=VALUE",
            "override what is decided from the data (plan.json), e.g. patch_size=96,96",
        ),
    }
    for option, (form, meaning) in lists.items():
        parser.add_argument(
            option, nargs="+", action="extend", default=[], metavar=form, help=meaning
        )
    parser.add_argument(
        "--device", metavar="D", help="auto, cpu, cuda, cuda:1 or mps (auto: the fastest here)"
    )


def whole_number(minimum: int) -> Callable[[str], int]:
    """An argument type: a whole number of at least `minimum`."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = minimum - 1
        if number < minimum:
            raise argparse.ArgumentTypeError(
                f"'{text}' is not a whole number of at least {minimum}"
            )
        return number

    return parse


def number_between(minimum: float, maximum: float = math.inf) -> Callable[[str], float]:
    """An argument type: a number within inclusive limits."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (minimum <= number <= maximum and math.isfinite(number)):
            upper = f" to {maximum:g}" if math.isfinite(maximum) else " or more"
            raise argparse.ArgumentTypeError(f"'{text}' is not a number of {minimum:g}{upper}")
        return number

    return parse
