"""From an argument list to an exit code."""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from SemiWeakSegLib import __version__
from SemiWeakSegLib.commands.failures import (
    ABORTED,
    FAILED,
    INPUT,
    MEANINGS,
    OK,
    USAGE,
    InputError,
    UsageError,
)
from SemiWeakSegLib.commands.parser import PROGRAM, add_debug

COMMANDS = (
    "phantom",
    "cohort",
    "methods",
    "environment",
    "plan",
    "train",
    "resume",
    "stop",
    "status",
    "predict",
    "evaluate",
    "report",
    "export",
    "cache",
)

OVERVIEW = f"""SemiWeakSeg {__version__}: segmentation from few labels, scribbles, unlabeled images.

The usual path, from a folder of images and a folder with labels for some of them:

  1. gather   {PROGRAM} cohort make heart.json --images images --labels labels \\
                --classes 1=cavity,2=wall
  2. divide   {PROGRAM} cohort split heart.json --validation 0.2 --test 0.2
  3. check    {PROGRAM} cohort check heart.json
  4. train    {PROGRAM} train runs/first --cohort heart.json --method pseudo_label
  5. predict  {PROGRAM} predict runs/first --cases unlabeled --out predictions
  6. measure  {PROGRAM} evaluate predictions --truth reference
  7. read     {PROGRAM} report runs/first

No data at hand? "{PROGRAM} phantom demo" makes a synthetic heart cohort.
Which methods are there? "{PROGRAM} methods".
Every command explains itself: "{PROGRAM} train --help". All of them: "--help".
"""


class _Listing(argparse.RawDescriptionHelpFormatter):
    """Every command on one line with its summary: argparse makes room for options only."""

    def __init__(self, prog: str):
        super().__init__(prog)
        self._action_max_length = max(map(len, COMMANDS)) + 4


def build_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The command line with all, or the named, commands; each lives in a module of its name."""
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Segmentation from few labels, scribbles and unlabeled images.\n"
        "Without arguments: the usual path, step by step.",
        epilog=f"example:\n  {PROGRAM} train --help\n\nexit codes:\n{codes}",
        formatter_class=_Listing,
    )
    parser.add_argument("--version", action="version", version=f"SemiWeakSeg {__version__}")
    add_debug(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name in names:
        import_module(f"SemiWeakSegLib.commands.{name}").register(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal of another encoding shows a placeholder, it does not end the command.
            stream.reconfigure(errors="replace")
    arguments_in = sys.argv[1:] if argv is None else list(argv)
    if not arguments_in:
        print(OVERVIEW, end="")
        return OK
    word = arguments_in[0]
    # Only what is asked for is imported, so that light commands stay fast.
    parser = build_parser((word,) if word in COMMANDS else COMMANDS)
    _check_command(parser, word)
    arguments, unknown = parser.parse_known_args(arguments_in)
    if not hasattr(arguments, "run_command"):
        parser.error("a command is missing")
    if unknown:
        _check_arguments(arguments, unknown)
    return _run(arguments)


def _check_command(parser: argparse.ArgumentParser, word: str) -> None:
    if word.startswith("-") or word in COMMANDS:
        return
    from SemiWeakSegLib.methods.settings import nearest

    known = ", ".join(COMMANDS)
    parser.error(f"there is no command '{word}'{nearest(word, COMMANDS)}; there are {known}")


def _check_arguments(arguments: argparse.Namespace, unknown: Sequence[str]) -> None:
    """Refuses them as the command itself does, whose usage is of more help than that of all."""
    from SemiWeakSegLib.methods.settings import nearest

    known = re.findall(r"--[\w-]+", arguments.parser.format_usage())
    said = [
        f"there is no option '{word}'{nearest(word, known)}"
        if word.startswith("-")
        else f"'{word}' is one too many"
        for word in unknown
    ]
    arguments.parser.error("; ".join(said))


def _run(arguments: argparse.Namespace) -> int:
    debug = getattr(arguments, "debug", False)
    try:
        code = arguments.run_command(arguments)
        sys.stdout.flush()
        return code
    except UsageError as error:
        _show(f"{arguments.parser.prog}: {error}", debug)
        return USAGE
    except InputError as error:
        _show(_listed(error.problems), debug)
        return INPUT
    except KeyboardInterrupt:
        _show("aborted", debug)
        return ABORTED
    except BrokenPipeError:
        # The reader (head, less) has seen enough; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        _show(f"failed: {str(error) or type(error).__name__}", debug)
        if not debug:
            print("(--debug shows the traceback)", file=sys.stderr)
        return FAILED


def _listed(problems: Sequence[str]) -> str:
    if len(problems) == 1:
        return f"problem: {problems[0]}"
    numbered = "\n".join(f"  {number}. {text}" for number, text in enumerate(problems, 1))
    return f"{len(problems)} problems:\n{numbered}"


def _show(text: str, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print(text, file=sys.stderr)
