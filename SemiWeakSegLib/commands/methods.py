"""`methods`: the menu."""

from __future__ import annotations

import argparse
import json
from typing import Any

from SemiWeakSegLib.commands.failures import OK, USAGE
from SemiWeakSegLib.commands.parser import add_command


def register(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "methods",
        run,
        summary="List the methods, what each needs, their settings and the terms one may add.",
        description="Works where torch is not installed.",
        examples=["methods", "methods --json"],
        exit_codes=(OK, USAGE),
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print the menu."""
    from SemiWeakSegLib.methods import menu

    if arguments.json:
        print(json.dumps(menu.as_json(), indent=2))
    else:
        print(menu.describe())
    return OK
