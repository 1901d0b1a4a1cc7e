"""Settings as data: one TOML grammar in the file and on the command line, and strict frozen dataclasses behind it.

    tree = apply_overrides(read_toml(path), ["train.lr=1e-3", "model.n_layers=8"])
    recipe = build(Recipe, tree)            # unknown key, wrong type, impossible value: SettingsError
    assert build(Recipe, tomllib.loads(to_toml(recipe))) == recipe

A field may be bool, int, float, str, a Literal, a tuple of these, another such dataclass, or any of them `| None`. TOML has
no None: an optional key is off when it is absent.
"""

import dataclasses
import difflib
import json
import math
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, Field
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import tomli_w

from handspun.errors import SettingsError

MAX_TOML_BYTES = 1 << 20
KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
BARE_WORD = re.compile(r"[^\s\[\]{}\"'=][^\[\]{}\"'\x00-\x1f]*")

Tree = dict[str, Any]
T = TypeVar("T")


def read_toml(path: Path) -> Tree:
    """The tree of a TOML file of at most MAX_TOML_BYTES. Raises SettingsError with the file and the line."""
    if not path.is_file():
        raise SettingsError(f"{path} is not a file; name a recipe that handspun ships, or the path of a TOML file.")
    with path.open("rb") as file:
        data = file.read(MAX_TOML_BYTES + 1)
    if len(data) > MAX_TOML_BYTES:
        raise SettingsError(f"{path} is larger than {MAX_TOML_BYTES:,} bytes, so it is no recipe; name another file.")
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}:{line}: byte {error.start:,} is not UTF-8; save the file as UTF-8.") from error
    except ValueError as error:
        raise SettingsError(toml_complaint(path, str(error), n_lines=data.count(b"\n") + 1)) from error
    except RecursionError as error:
        raise SettingsError(f"{path} nests its values too deeply to be a recipe; flatten it.") from error


def toml_complaint(path: Path, message: str, n_lines: int) -> str:
    """ "recipe.toml:3: Invalid value (column 5)" from what tomllib says of the place."""
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    reason = message[: found.start()] if found else message
    line, column = (found[1] or n_lines, found[2]) if found else (1, None)
    place = f" (column {column})" if column else ""
    return f"{path}:{line}: {reason[:1].lower()}{reason[1:]}{place}; mend this line, it is not TOML."


def parse_override(override: str) -> tuple[str, Any]:
    """The dotted key and the value of "train.lr=1e-3". The value is TOML; a bare word is a string. Raises SettingsError."""
    key, equals, text = override.partition("=")
    key, text, said = key.strip(), text.strip(), toml_text(override)
    if not equals or not KEY.fullmatch(key):
        raise SettingsError(f"{said} is not an override; write it as table.key=value, for example train.lr=1e-3.")
    if not text:
        raise SettingsError(f"{said} has no value; write {key}=VALUE, or {key}='\"\"' for an empty string.")
    try:
        parsed = tomllib.loads(f"value = [{text}]")  # brackets: a comment or a second line cannot hide behind the value
    except (ValueError, RecursionError) as error:
        if BARE_WORD.fullmatch(text):
            return key, text
        raise SettingsError(f'{said} holds no TOML value; write a list as {key}=\'["a", "b"]\'.') from error
    if parsed.keys() != {"value"} or len(parsed["value"]) != 1:
        raise SettingsError(f"{said} holds more than one value; write a list as {key}='[...]'.")
    return key, parsed["value"][0]


def apply_overrides(tree: Tree, overrides: Iterable[str]) -> Tree:
    """A copy of `tree` in which each override has replaced, or added, one value. Raises SettingsError."""
    for override in overrides:
        key, value = parse_override(override)
        tree = with_value(tree, key, value, key)
    return tree


def with_value(tree: Tree, path: str, value: Any, key: str) -> Tree:
    """A copy of `tree` in which `path` leads to `value`; `key` is the whole dotted key, for the message."""
    first, _, rest = path.partition(".")
    if not rest:
        return {**tree, first: value}
    below = tree.get(first, {})
    if not isinstance(below, dict):
        raise SettingsError(
            f"{key}={toml_text(value)} cannot be set: {first}={toml_text(below)} is no table; drop one of them."
        )
    return {**tree, first: with_value(below, rest, value, key)}


def build(cls: type[T], tree: Tree, where: str | Path = "") -> T:
    """The settings `cls` that `tree` describes, each key checked. `where` (a path) opens the message of a SettingsError."""
    try:
        return build_table(cls, tree, "", cls)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}" if where else str(error)) from error


def build_table(cls: type[T], tree: Tree, table: str, root: type) -> T:
    """One table of the tree as its dataclass; `root` is where near names are looked for."""
    hints, fields = get_type_hints(cls), {field.name: field for field in settings_fields(cls)}
    if unknown := [name for name in tree if name not in fields]:
        raise SettingsError(unknown_key(dotted(table, unknown[0]), tree[unknown[0]], root))
    values = {}
    for name, field in fields.items():
        if name in tree:
            values[name] = build_value(hints[name], tree[name], dotted(table, name), root)
        elif is_required(field):
            values[name] = build_absent(hints[name], dotted(table, name), root)
    try:
        return cls(**values)
    except ValueError as error:
        raise SettingsError(impossible_value(str(error), table, hints)) from error


def build_value(hint: Any, value: Any, key: str, root: type) -> Any:
    """One value of the tree as the type its field asks for. Raises SettingsError."""
    if table_type := table_type_of(hint):
        if not isinstance(value, dict):
            keys = ", ".join(field.name for field in settings_fields(table_type)[:4])
            raise SettingsError(f"{key}={toml_text(value)} should be a table; write [{key}] and then its keys, such as {keys}.")
        return build_table(table_type, value, key, root)
    try:
        converted = msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        raise SettingsError(wrong_type(key, value, hint)) from error
    if any(isinstance(number, float) and not math.isfinite(number) for number in leaves(converted)):
        raise SettingsError(f"{key}={toml_text(value)} is not a finite number; give one.")
    return converted


def build_absent(hint: Any, key: str, root: type) -> Any:
    """What stands for a required key that is not there: a table of defaults, where it is a table. Raises SettingsError."""
    table_type = table_type_of(hint)
    if table_type is None or is_optional(hint):
        raise SettingsError(f"{key} is missing; set it ({type_text(hint)}).")
    return build_table(table_type, {}, key, root)


def unknown_key(key: str, value: Any, root: type) -> str:
    """The sentence for a key that no room has, with the nearest name that one has."""
    while isinstance(value, dict) and value:
        name, value = next(iter(value.items()))
        key = dotted(key, name)
    near = nearest_key(key, list(keys_of(root)))
    hint = f"did you mean {near}?" if near else "`handspun show config` lists every key."
    return f"{key}={toml_text(value)} is no key of a recipe; {hint}"


def nearest_key(key: str, keys: list[str]) -> str | None:
    """The known key that `key` was meant to be: the same name in another room, or else one spelled almost alike."""
    name = key.rpartition(".")[2]
    namesakes = [known for known in keys if known.rpartition(".")[2] == name]
    by_name = {known.rpartition(".")[2]: known for known in reversed(keys)}
    candidates = difflib.get_close_matches(key, namesakes, n=1, cutoff=0)
    candidates += difflib.get_close_matches(key, keys, n=1)
    candidates += [by_name[near] for near in difflib.get_close_matches(name, by_name, n=1, cutoff=0.75)]
    return candidates[0] if candidates else None


def wrong_type(key: str, value: Any, hint: Any) -> str:
    """The sentence for a value of another type: what is expected, and the nearest choice where there are choices."""
    near = difflib.get_close_matches(str(value), literals_of(hint), n=1)
    remedy = f'; did you mean "{near[0]}"?' if near else "."
    return f"{key}={toml_text(value)} should be {type_text(hint)}{remedy}"


def impossible_value(message: str, table: str, hints: dict[str, Any]) -> str:
    """What a config's __post_init__ objects to, under its dotted key."""
    sentence = message.rstrip(".") + "."
    named = re.match(r"\w+", sentence)
    if named and named[0] in hints:
        return dotted(table, sentence)
    return f"[{table}] {sentence}" if table else sentence


def to_toml(settings: Any) -> str:
    """The settings as TOML that `build` reads back as an equal object. What is off (None) is left out."""
    return tomli_w.dumps(to_tree(settings))


def to_tree(value: Any) -> Any:
    """Dataclasses as tables, tuples as arrays, and no None."""
    if dataclasses.is_dataclass(value):
        named = {field.name: getattr(value, field.name) for field in settings_fields(value)}
        return {name: to_tree(part) for name, part in named.items() if part is not None}
    return [to_tree(part) for part in value] if isinstance(value, tuple) else value


def flat(tree: Tree, table: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a tree under its dotted key."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, dotted(table, name))
        else:
            yield dotted(table, name), value


def type_text(hint: Any) -> str:
    """A type in the words of a reader of TOML: `int`, `"gelu" | "swiglu"`, `list of str`."""
    if get_origin(hint) in (Union, UnionType):
        return " | ".join(type_text(part) for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is Literal:
        return " | ".join(toml_text(choice) for choice in get_args(hint))
    if get_origin(hint) is tuple:
        parts = get_args(hint)
        return f"list of {type_text(parts[0])}" if parts[-1] is ... else f"[{', '.join(map(type_text, parts))}]"
    return "true | false" if hint is bool else hint.__name__


def toml_text(value: Any) -> str:
    """A value as TOML would spell it on one line, cut where it is long."""
    match value:
        case bool():
            text = "true" if value else "false"
        case str():
            text = json.dumps(value, ensure_ascii=False)
        case list() | tuple():
            text = f"[{', '.join(map(toml_text, value))}]"
        case dict():
            text = "{" + ", ".join(f"{key} = {toml_text(part)}" for key, part in value.items()) + "}"
        case _:
            text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def settings_fields(cls: Any) -> tuple[Field, ...]:
    """The fields a user can set."""
    return tuple(field for field in dataclasses.fields(cls) if field.init)


def keys_of(cls: type, table: str = "") -> Iterator[str]:
    """Every dotted key below `cls`."""
    hints = get_type_hints(cls)
    for field in settings_fields(cls):
        key = dotted(table, field.name)
        if table_type := table_type_of(hints[field.name]):
            yield from keys_of(table_type, key)
        else:
            yield key


def table_type_of(hint: Any) -> Any | None:
    """The dataclass behind `X` or `X | None`; None for a leaf."""
    candidates = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return next((part for part in candidates if dataclasses.is_dataclass(part)), None)


def literals_of(hint: Any) -> list[str]:
    """Every word that a Literal inside `hint` allows."""
    if get_origin(hint) is Literal:
        return [choice for choice in get_args(hint) if isinstance(choice, str)]
    return [choice for part in get_args(hint) for choice in literals_of(part)]


def leaves(value: Any) -> Iterator[Any]:
    """The values inside a tuple of tuples, or the value itself."""
    if isinstance(value, tuple):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def is_optional(hint: Any) -> bool:
    """Whether None is one of the values."""
    return get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint)


def is_required(field: Field) -> bool:
    """Whether a field has no default."""
    return field.default is MISSING and field.default_factory is MISSING


def dotted(table: str, name: str) -> str:
    """The whole name of a key: "train" and "lr" make "train.lr"."""
    return f"{table}.{name}" if table else name
