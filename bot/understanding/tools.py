"""The only place where a proposal, whoever made it, becomes an `Intent`: checked against the catalogue's arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.domain.intent import ArgumentValue, Intent, Origin
from bot.errors import Refusal

ARGUMENTS_LARGEST = 4_000
"""Characters of all arguments together, as JSON."""


class ProposalRefused(Refusal):
    """A proposed call names no capability, or its arguments are not those of the capability."""

    code = "understanding.proposal_refused"


class NoArguments(BaseModel):
    """The arguments of what is only talk: nothing."""

    model_config = ConfigDict(extra="forbid")


TALK: Mapping[str, type[BaseModel]] = {
    "help": NoArguments,
    "sign_in": NoArguments,
    "start": NoArguments,
}
"""What can be asked for besides the catalogue; it never reaches the policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedCall:
    """What rules, classifier or a language model propose: a name and arguments, nothing of it believed yet."""

    capability: str
    arguments: Mapping[str, object] = field(default_factory=dict)


class Tools:
    """Validates proposals against the arguments model of each capability."""

    def __init__(self, arguments: Mapping[str, type[BaseModel]]) -> None:
        self._models = {**TALK, **arguments}

    def known(self, capability: str) -> bool:
        """Whether there is such a capability."""
        return capability in self._models

    def intent(self, call: ProposedCall, origin: Origin) -> Intent:
        """The intent a complete call stands for. Raises `ProposalRefused`."""
        model = self._model(call)
        try:
            # JSON, strictly: text is never taken for a number, a flag or the other way round, dates are ISO 8601.
            valid = model.model_validate_json(_as_json(call), strict=True)
        except ValidationError as exc:
            raise ProposalRefused(_where(exc)) from None
        return Intent(capability=call.capability, arguments=_plain(valid.model_dump(mode="json")), origin=origin)

    def partial(self, call: ProposedCall, origin: Origin) -> Intent:
        """The same while arguments are still missing: those given must be right. Raises `ProposalRefused`."""
        model = self._model(call)
        try:
            model.model_validate_json(_as_json(call), strict=True)
        except ValidationError as exc:
            if any(error["type"] != "missing" for error in exc.errors(include_input=False, include_url=False)):
                raise ProposalRefused(_where(exc)) from None
        return Intent(capability=call.capability, arguments=_plain(dict(call.arguments)), origin=origin)

    def lacking(self, intent: Intent) -> tuple[str, ...]:
        """The required arguments a partial intent has not got yet."""
        model = self._models[intent.capability]
        return tuple(
            name for name, item in model.model_fields.items() if item.is_required() and name not in intent.arguments
        )

    def _model(self, call: ProposedCall) -> type[BaseModel]:
        model = self._models.get(call.capability)
        if model is None:
            raise ProposalRefused("no such capability")
        # Asked here as well, so that a model that forgets extra="forbid" does not open the door.
        if not set(call.arguments) <= set(model.model_fields):
            raise ProposalRefused("arguments the capability does not have")
        return model


def _as_json(call: ProposedCall) -> str:
    try:
        document = json.dumps(dict(call.arguments), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ProposalRefused("arguments that are no JSON") from None
    if len(document) > ARGUMENTS_LARGEST:
        raise ProposalRefused("arguments too large")
    return document


def _plain(arguments: dict[str, Any]) -> dict[str, ArgumentValue]:
    for value in arguments.values():
        if not (value is None or isinstance(value, str | int | bool)):
            raise ProposalRefused("an argument that is no plain value")
    return arguments


def _where(exc: ValidationError) -> str:
    """Field names and kinds of error only: the values are message text."""
    found = exc.errors(include_input=False, include_url=False, include_context=False)
    return ", ".join(f"{'.'.join(map(str, error['loc']))}: {error['type']}" for error in found)
