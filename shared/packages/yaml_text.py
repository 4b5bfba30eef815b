"""Reads YAML from strangers: small, flat enough, without anchors and aliases, no key twice. Pure."""

import re
from typing import Any, Final

import yaml

#: Bytes.
LONGEST: Final = 256 << 10
_DEEPEST: Final = 20
#: `no` and `on` stay words, since `no` is a language. Dates stay texts, and `<<` is a key like any other.
_BOOLEAN: Final = re.compile("true|True|TRUE|false|False|FALSE")
_TAGS: Final = {kind: f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map")}
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {  # noqa: RUF012 (of the base class)
        first: [pair for pair in pairs if pair[0] in _TAGS.values() and pair[0] != _TAGS["bool"]]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise yaml.MarkedYAMLError(problem="anchors and aliases are not taken", problem_mark=event.start_mark)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"it has over {_DEEPEST} levels", problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and node.tag not in _TAGS.values():
            raise yaml.MarkedYAMLError(problem="it has a tag", problem_mark=node.start_mark)
        if isinstance(node, yaml.ScalarNode) and _UNSTORABLE.search(node.value):
            raise yaml.MarkedYAMLError(problem="a text has a NUL or a surrogate", problem_mark=node.start_mark)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise yaml.MarkedYAMLError(problem="a key is there twice", problem_mark=node.start_mark)
        return mapping


_Loader.add_implicit_resolver(_TAGS["bool"], _BOOLEAN, list("tTfF"))


def load_yaml(text: bytes) -> object:
    """Return the value of a document; None if it is empty. Raises `ValueError` with a sentence."""
    if len(text) > LONGEST:
        raise ValueError(f"The YAML has over {LONGEST} bytes.")
    try:
        return yaml.load(text.decode("utf-8-sig"), _Loader)  # noqa: S506 (the loader is a safe one)
    except UnicodeDecodeError:
        raise ValueError("The file is not UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"The YAML cannot be read{line}: {error.problem}.") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError):
        raise ValueError("The YAML cannot be read.") from None
