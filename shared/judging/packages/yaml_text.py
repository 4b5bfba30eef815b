"""Reads YAML from strangers: small, flat enough, without anchors and aliases, no key twice. Pure."""

import math
import re
from collections.abc import Callable
from typing import Any, Final

import yaml

#: Bytes.
MAX_LENGTH: Final = 256 << 10
_DEEPEST: Final = 20
_MAX_VALUES: Final = 20_000
#: Characters. Python writes no number of over 4,300 decimal digits, and reads longer ones that are hexadecimal.
_MAX_INTEGER: Final = 40
#: `no` and `on` stay words, since `no` is a language. Dates stay texts, and `<<` is a key like any other.
_BOOLEAN: Final = re.compile("true|True|TRUE|false|False|FALSE")
_TAGS: Final = {kind: f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map")}
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")

#: The parser in C is several times faster. Wheels of PyYAML have it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    yaml_implicit_resolvers = {  # noqa: RUF012 (of the base class)
        first: [pair for pair in pairs if pair[0] in _TAGS.values() and pair[0] != _TAGS["bool"]]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    warn: Callable[[str], None] | None = None

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value) and self.warn:
            self.warn(f"A key is there twice in line {node.start_mark.line + 1} or below; the last one counts.")
        elif len(mapping) < len(node.value):
            raise yaml.MarkedYAMLError(problem="a key is there twice", problem_mark=node.start_mark)
        return mapping

    def construct_yaml_int(self, node: Any) -> object:
        """Return a whole number that is not too long."""
        if len(self.construct_scalar(node)) > _MAX_INTEGER:
            problem = f"a whole number has over {_MAX_INTEGER} characters"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return super().construct_yaml_int(node)

    def construct_yaml_float(self, node: Any) -> object:
        """Return a number, or the text if JSON cannot hold it as a number."""
        number = super().construct_yaml_float(node)
        return number if math.isfinite(number) else node.value


_Loader.add_implicit_resolver(_TAGS["bool"], _BOOLEAN, list("tTfF"))
_Loader.add_constructor(_TAGS["int"], _Loader.construct_yaml_int)
_Loader.add_constructor(_TAGS["float"], _Loader.construct_yaml_float)


def load_yaml(text: bytes, warn: Callable[[str], None] | None = None) -> object:
    """Return the value of a document; None if it is empty. Raises `ValueError` with a sentence.

    If a key is there twice, the last one counts and `warn` is called; without `warn` that raises, too.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"The YAML has over {MAX_LENGTH} bytes.")
    try:
        document = text.decode("utf-8-sig")
        _check_events(document)
        loader = _Loader(document)
        loader.warn = warn
        return loader.get_single_data()
    except UnicodeDecodeError:
        raise ValueError("The file is not UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"The YAML cannot be read{line}: {error.problem}.") from None
    except (yaml.YAMLError, ValueError, LookupError, TypeError, OverflowError, RecursionError):
        raise ValueError("The YAML cannot be read.") from None


def _check_events(document: str) -> None:
    """Raise `MarkedYAMLError` for what is not taken, before anything is built of the document."""
    depth = values = 0
    event: Any
    for event in yaml.parse(document, _Loader):
        problem = ""
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if isinstance(event, yaml.NodeEvent):
            values += 1
            if event.anchor is not None:
                problem = "anchors and aliases are not taken"
        if getattr(event, "tag", None) not in (None, "!", *_TAGS.values()):
            problem = "it has a tag"
        elif isinstance(event, yaml.ScalarEvent) and _UNSTORABLE.search(event.value):
            problem = "a text has a NUL or a surrogate"
        if depth > _DEEPEST or values > _MAX_VALUES:
            problem = f"it has over {_DEEPEST} levels or {_MAX_VALUES} values"
        if problem:
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
