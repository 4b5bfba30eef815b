"""Takes values of the right type out of a mapping from YAML, and notes what is wrong with the others. Pure."""

import re
from collections.abc import Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from shared.engine_api.run_call.limits import check_args
from shared.judging.grading.scheme import MAX_POINTS
from shared.judging.packages.archive import PackageArchive
from shared.judging.packages.faults import FaultList
from shared.judging.packages.yaml_text import MAX_LENGTH, load_yaml

#: Globs are few and short, so that matching them stays cheap.
_MAX_GLOB: Final = 200


class Fields:
    """The keys of a mapping in the file `path`. `unread` are those that nobody has taken yet."""

    def __init__(self, value: object, path: str, faults: FaultList, within: str = "") -> None:
        self.path, self._faults, self._within = path, faults, within
        if value is not None and not isinstance(value, dict):
            faults.add(path, f"`{within[:-1]}` is not a mapping." if within else "The file is not a mapping.")
        self.unread: dict[str, object] = {}
        for key, kept in (value if isinstance(value, dict) else {}).items():
            self.unread[str(key)] = kept

    def __contains__(self, key: str) -> bool:
        return key in self.unread

    def fault(self, key: str, sentence: str) -> None:
        """Note what is wrong with the value of a key. The sentence goes on after the key."""
        self._faults.add(self.path, f"`{(self._within + key)[:_MAX_GLOB]}` {sentence}")

    def check_glob(self, key: str) -> None:
        """Note a key that is no glob of the problem format."""
        if "**" in key or "[" in key or len(key) > _MAX_GLOB:
            self.fault(key[:_MAX_GLOB], "is a glob with `**` or `[`, or too long.")

    def take(self, key: str) -> object:
        """Return the value of a key as it is; None if it is absent."""
        return self.unread.pop(key, None)

    def text(self, key: str, default: str = "") -> str:
        """Return a text; numbers are texts too."""
        value = self.take(key)
        if value is None:
            return default
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value)
        self.fault(key, "is not a text.")
        return default

    def choice(self, key: str, choices: Collection[str], default: str) -> str:
        """Return one of these words."""
        word = self.text(key, default)
        if word not in choices:
            self.fault(key, f"is none of: {', '.join(choices)}.")
            return default
        return word

    def number(self, key: str, *, minimum: float = 0, above: bool = False, whole: bool = False) -> float | None:
        """Return a finite number of at least, or `above`, `minimum`; None if the key is absent or wrong."""
        value = self.take(key)
        if value is None:
            return None
        number = number_of(value)
        if number is None or number < minimum or (above and number == minimum) or (whole and number != int(number)):
            kind, than = "whole number" if whole else "number", "over" if above else "of at least"
            self.fault(key, f"is not a {kind} {than} {minimum:g}.")
            return None
        return number

    def words(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts; a text alone is a list of one. None if the key is absent or wrong."""
        value = self.take(key)
        if value is None:
            return None
        words = value if isinstance(value, list) else [value]
        if any(isinstance(word, bool) or not isinstance(word, str | int | float) for word in words):
            self.fault(key, "is not a list of texts.")
            return None
        return tuple(str(word) for word in words)

    def bounded(self, key: str, args: tuple[str, ...]) -> tuple[str, ...]:
        """Return the arguments that a key has; none if no program can have as many, which is a fault."""
        try:
            return check_args(args)
        except ValueError as error:
            self.fault(key, f"is refused: {error}")
            return ()

    def inner(self, key: str) -> "Fields":
        """Return the mapping under a key; an empty one if there is none."""
        return Fields(self.take(key), self.path, self._faults, f"{self._within}{key}.")

    def finish(self, read_elsewhere: Collection[str] = ()) -> None:
        """Note a fault for each key that was not read, but for those that are `known`."""
        for key in self.unread.keys() - set(read_elsewhere):
            self.fault(key, "is not a key that is known here.")


def number_of(value: object) -> float | None:
    """Return a number that is not too large, also if YAML takes it for a text (`1e-3`); None for other values."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= MAX_POINTS else None


#: No text that a run needs is longer, whatever the operator allows for the files of a program.
MAX_EXPANDED: Final = 64 << 20
_CONSTANT: Final = re.compile(rb"\{\{([a-zA-Z_][a-zA-Z0-9_]*(?:\.[a-zA-Z_][a-zA-Z0-9_]*)?)\}\}")


def replace_constants(text: bytes, constants: Mapping[str, str], max_bytes: int = MAX_EXPANDED) -> bytes:
    """Return the text of a program or a file with `{{name}}` replaced. Unknown names stay.

    Raises `ValueError` if the result would be longer than `max_bytes`: that is known before it is built.
    """
    if not constants:
        return text
    if expanded_size(text, constants) > max_bytes:
        raise ValueError(f"With its constants replaced the file has over {max_bytes} bytes.")
    return _CONSTANT.sub(lambda match: _value_of(match, constants), text)


def expanded_size(text: bytes, constants: Mapping[str, str]) -> int:
    """Return the bytes that a text has with its constants replaced."""
    return len(text) + sum(len(_value_of(match, constants)) - len(match[0]) for match in _CONSTANT.finditer(text))


def _value_of(match: re.Match[bytes], constants: Mapping[str, str]) -> bytes:
    value = constants.get(match[1].decode())
    return match[0] if value is None else value.encode()


def read_fields(
    archive: PackageArchive,
    path: str,
    faults: FaultList,
    constants: Mapping[str, str] = MappingProxyType({}),
    *,
    may_repeat: bool = False,
) -> Fields:
    """Return the mapping in a YAML file, after its constants were replaced; an empty one if there is no such file.

    `may_repeat`: a key that is there twice is a warning, and no fault.
    """
    value = None
    if path in archive.files and (text := archive.read(path, MAX_LENGTH)) is not None:
        try:
            expanded = replace_constants(text, constants, MAX_LENGTH)
            archive.spend(path, max(0, len(expanded) - len(text)))
            value = load_yaml(expanded, partial(faults.warn, path) if may_repeat else None)
        except ValueError as error:
            faults.add(path, str(error))
    return Fields(value, path, faults)
