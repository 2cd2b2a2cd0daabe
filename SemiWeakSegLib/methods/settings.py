"""Settings: documented, ranged, typed fields that become a form, JSON or key=value text."""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from typing import Any, TypeVar, get_args, get_type_hints

S = TypeVar("S", bound="Settings")

TRUE_WORDS = ("true", "yes", "on", "1")
FALSE_WORDS = ("false", "no", "off", "0")
NONE_WORDS = ("none", "null", "")

# In ``used_if`` of a setting: with every value of the other one but 0.
ABOVE_ZERO = ()


class SettingsError(ValueError):
    """Settings that cannot be used; `problems` holds one sentence per field at fault."""

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def setting(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[Any, ...] | None = None,
    unit: str | None = None,
    title: str | None = None,
    used_if: Mapping[str, tuple[Any, ...]] | None = None,
) -> Any:
    """A dataclass field with what a form and an error message need to know about it.

    `minimum` and `maximum` are inclusive. `choices` are the only values allowed. `title`: how a
    form calls it where the words of its name would not do. `used_if`: values of other settings,
    or `ABOVE_ZERO`, without which this one does nothing.
    """
    metadata = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "unit": unit,
        "title": title,
        "used_if": tuple((used_if or {}).items()),
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class FieldDescription:
    """One row of a settings form.

    `type` is "bool", "int", "float" or "str"; `optional` says that None is a value too.
    """

    name: str
    type: str
    optional: bool
    default: Any
    help: str
    minimum: float | None
    maximum: float | None
    choices: tuple[Any, ...] | None
    unit: str | None
    title: str | None = None
    used_if: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    def is_used(self, values: Mapping[str, Any]) -> bool:
        """Whether it does anything beside these values of the others (all of a form)."""
        return all(_fits(values[name], allowed) for name, allowed in self.used_if if name in values)

    def used_with(self) -> str:
        """When it does something, in words: 'selection class_balanced', '' for always."""
        return ", ".join(
            f"{name} {' or '.join(map(str, allowed)) or 'above 0'}"
            for name, allowed in self.used_if
        )

    def explained(self) -> str:
        """Its help, and what it is used with."""
        return f"{self.help} (with {self.used_with()})" if self.used_if else self.help

    def to_dict(self) -> dict[str, Any]:
        """The description as plain values for JSON."""
        plain = asdict(self)
        plain["choices"] = None if self.choices is None else list(self.choices)
        plain["used_if"] = {name: list(allowed) for name, allowed in self.used_if}
        return plain

    def allowed(self) -> str:
        """The permitted values in words: 'one of a, b' or '0 to 1' or 'at least 0 mm'."""
        unit = f" {self.unit}" if self.unit else ""
        if self.choices is not None:
            return "one of " + ", ".join(str(choice) for choice in self.choices)
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:g} to {self.maximum:g}{unit}"
        if self.minimum is not None:
            return f"at least {self.minimum:g}{unit}"
        if self.maximum is not None:
            return f"at most {self.maximum:g}{unit}"
        return {"bool": "true or false", "int": "a whole number", "float": "a number"}.get(
            self.type, "text"
        )


@dataclass(frozen=True)
class Settings:
    """Base of every settings dataclass; fields are declared with `setting(...)`."""

    @classmethod
    def descriptions(cls) -> list[FieldDescription]:
        """One description per field, in order of declaration."""
        return list(_descriptions(cls))

    def validate(self) -> list[str]:
        """One sentence for each field whose value has the wrong type or is out of range."""
        found = (_problem(each, getattr(self, each.name)) for each in self.descriptions())
        return [sentence for sentence in found if sentence]

    def idle(self) -> list[str]:
        """One sentence for each changed setting that does nothing beside the others."""
        values = self.to_dict()
        return [
            f"{each.name}={values[each.name]} does nothing: it is used with {each.used_with()}"
            for each in self.descriptions()
            if values[each.name] != each.default and not each.is_used(values)
        ]

    def require_valid(self: S) -> S:
        """Return self, or raise SettingsError that names every field at fault."""
        problems = self.validate()
        if problems:
            raise SettingsError(problems)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them back."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_dict(cls: type[S], values: Mapping[str, Any]) -> S:
        """Settings with `values` over the defaults.

        Raises SettingsError with every unknown name (and the nearest known one), wrong type and
        value out of range at once.
        """
        return _changed(cls(), values, parse=False)

    def with_assignments(self: S, assignments: Iterable[str]) -> S:
        """A copy changed by texts "key=value", each value parsed by its field's type.

        Raises SettingsError with all problems at once.
        """
        values: dict[str, str] = {}
        problems = []
        for text in assignments:
            key, separator, value = text.partition("=")
            key = key.strip()
            if not separator or not key:
                problems.append(f"'{text}' is not of the form key=value")
            elif key in values:
                problems.append(f"'{key}' is set twice")
            else:
                values[key] = value.strip()
        try:
            changed = _changed(self, values, parse=True)
        except SettingsError as error:
            problems.extend(error.problems)
        if problems:
            raise SettingsError(problems)
        return changed


@functools.cache
def _descriptions(settings: type[Settings]) -> tuple[FieldDescription, ...]:
    types = get_type_hints(settings)
    return tuple(_describe(each, types[each.name]) for each in fields(settings))


def nearest(name: str, known: Iterable[str]) -> str:
    """' (did you mean ...?)' for a near miss among `known`, else ''."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{matches[0]}'?)" if matches else ""


def _changed(settings: S, values: Mapping[str, Any], parse: bool) -> S:
    known_fields = {each.name: each for each in settings.descriptions()}
    changes: dict[str, Any] = {}
    problems = []
    for key, value in values.items():
        if key not in known_fields:
            known = ", ".join(known_fields) or "none"
            problems.append(
                f"there is no setting '{key}'{nearest(key, known_fields)}; the settings are {known}"
            )
            continue
        try:
            changes[key] = (_parse if parse else _widen)(known_fields[key], value)
        except ValueError:
            problems.append(_sentence(known_fields[key], value))
    changed = replace(settings, **changes)
    problems.extend(changed.validate())
    if problems:
        raise SettingsError(problems)
    return changed


def _describe(each: Field[Any], annotation: Any) -> FieldDescription:
    arguments = get_args(annotation)
    plain = [kind for kind in arguments if kind is not type(None)] or [annotation]
    return FieldDescription(
        name=each.name,
        type=plain[0].__name__,
        optional=type(None) in arguments,
        default=each.default,
        help=each.metadata["help"],
        minimum=each.metadata["minimum"],
        maximum=each.metadata["maximum"],
        choices=each.metadata["choices"],
        unit=each.metadata["unit"],
        title=each.metadata["title"],
        used_if=each.metadata["used_if"],
    )


def _parse(description: FieldDescription, text: str) -> Any:
    word = text.strip().lower()
    if description.optional and word in NONE_WORDS:
        return None
    if description.type == "bool":
        if word in TRUE_WORDS:
            return True
        if word in FALSE_WORDS:
            return False
        raise ValueError(text)
    if description.type == "int":
        return int(word)
    if description.type == "float":
        return float(word)
    return text


def _widen(description: FieldDescription, value: Any) -> Any:
    """JSON writes 1.0 as 1 in many languages: a whole number is a float where one is expected."""
    if description.type == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _problem(description: FieldDescription, value: Any) -> str | None:
    return None if _is_allowed(description, value) else _sentence(description, value)


def _is_allowed(description: FieldDescription, value: Any) -> bool:
    if value is None:
        return description.optional
    expected = {"bool": bool, "int": int, "float": (int, float), "str": str}[description.type]
    if not isinstance(value, expected):
        return False
    if isinstance(value, bool) and description.type != "bool":
        return False
    if description.choices is not None:
        return value in description.choices
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if description.minimum is not None and value < description.minimum:
        return False
    return description.maximum is None or value <= description.maximum


def _fits(value: Any, allowed: tuple[Any, ...]) -> bool:
    if allowed:
        return value in allowed
    # None chooses a value, which is never 0.
    return value is None or value > 0


def _sentence(description: FieldDescription, value: Any) -> str:
    return f"{description.name} is {value!r}, must be {description.allowed()}"
