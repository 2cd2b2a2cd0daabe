"""Write the two tables beside this file from a full record of Slicer's names and from its headers.

    python Testing/testbed/api/make_tables.py OBSERVED.json HEADERS.json SOURCE_FOLDER...

OBSERVED.json: class -> every name PythonQt shows in the running application.
HEADERS.json: class -> base, properties (type, writable), signals (argument count), slots.
SOURCE_FOLDER: checkouts of Slicer and CTK, read for the exact signatures of signals.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def shorten(observed: dict[str, list[str]]) -> dict[str, dict[str, str]]:
    """Each class as the largest other class that it contains, plus the names of its own."""
    sets = {name: set(names) for name, names in observed.items()}
    short = {}
    for name, own in sets.items():
        contained = [
            other
            for other, names in sets.items()
            if other != name and names < own and "." not in other
        ]
        base = max(contained, key=lambda other: (len(sets[other]), other), default="")
        rest = own - sets.get(base, set())
        short[name] = {"with": base, "names": " ".join(sorted(rest))}
    return short


def signal_signatures(text: str) -> dict[str, list[str]]:
    """Class name -> signatures of its signals, read from a C++ header."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    found = {}
    for part in re.split(r"^\s*class\s+(?=\w)", text, flags=re.M)[1:]:
        head = re.match(r"(?:[A-Z0-9_]+_EXPORT\s+)?(\w+)", part)
        sections = re.findall(
            r"(?:Q_SIGNALS|signals)\s*:(.*?)(?=^\s*(?:public|protected|private)\b|^\};)",
            part,
            flags=re.S | re.M,
        )
        signatures = []
        for section in sections:
            for name, arguments in re.findall(r"void\s+(\w+)\s*\(([^;]*)\)\s*;", section):
                signatures += with_defaults(name, arguments)
        if signatures:
            found[head.group(1)] = signatures
    return found


def with_defaults(name: str, arguments: str) -> list[str]:
    """One signature for each number of arguments the signal can be connected with."""
    parts = [part.strip() for part in arguments.split(",")] if arguments.strip() else []
    required = sum("=" not in part for part in parts)
    types = [normalized(part.split("=")[0]) for part in parts]
    return [f"{name}({','.join(types[:n])})" for n in range(required, len(types) + 1)]


def normalized(argument: str) -> str:
    """The type of a C++ argument as Qt writes it: no const reference, no name, no spaces."""
    argument = re.sub(r"\bconst\b", "", argument).strip()
    named = re.match(r"^(.*[\s*&>])(\w+)$", argument)
    kind = named.group(1) if named and named.group(1).strip() != "unsigned" else argument
    return re.sub(r"[\s&]", "", kind.replace("unsigned ", "unsigned_")).replace("unsigned_", "u")


def main(arguments: list[str]) -> None:
    observed = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    headers = json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
    signatures: dict[str, list[str]] = {}
    for folder in arguments[2:]:
        for path in sorted(Path(folder).rglob("*.h")):
            signatures.update(signal_signatures(path.read_text(encoding="utf-8", errors="replace")))
    table = {}
    for name, entry in headers.items():
        signals = signatures.get(name, [])
        missing = set(entry["signals"]) - {text.split("(")[0] for text in signals}
        if missing:
            print(f"{name}: no signature found for {sorted(missing)}")
        table[name] = {
            "base": entry["base"],
            "properties": {
                key: value["type"] + ("" if value["w"] else " (read-only)")
                for key, value in entry["props"].items()
            },
            "signals": sorted(signals),
            "methods": " ".join(sorted(set(entry["slots"]) - {"qWarning"})),
        }
    for file, content in (("observed.json", shorten(observed)), ("headers.json", table)):
        lines = ",\n".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in content.items())
        (HERE / file).write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
