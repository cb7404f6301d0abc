"""The words of a schema: its actions, their groups and their resource types."""

from __future__ import annotations

import re

_ACTION = re.compile(r'^action "([^"]+)"(?: in \[([^\]]*)\])?(?: appliesTo \{(.*?)\})?;', re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r'"([^"]+)"')
_RESOURCES = re.compile(r"resource: \[([^\]]*)\]")


class Vocabulary:
    """Read from a schema in Cedar's own normal form."""

    def __init__(self, schema: str) -> None:
        self.actions: dict[str, frozenset[str]] = {}
        self._parents: dict[str, frozenset[str]] = {}
        for name, parents, applies in _ACTION.findall(schema):
            self._parents[name] = frozenset(_QUOTED.findall(parents))
            resources = _RESOURCES.search(applies)
            if resources:
                self.actions[name] = frozenset(kind.strip() for kind in resources[1].split(","))

    def of(self, types: frozenset[str], groups: frozenset[str]) -> frozenset[str]:
        """The actions on any of these resource types, or in any of these groups."""
        return frozenset(
            action for action, kinds in self.actions.items() if kinds & types or self.closure(action) & groups
        )

    def closure(self, action: str) -> frozenset[str]:
        """The action with every group it is in, through however many others."""
        found = {action}
        for parent in self._parents.get(action, ()):
            found |= self.closure(parent)
        return frozenset(found)
