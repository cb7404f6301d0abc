"""Settings of approvals: where requests go, and how long they wait. Who may decide is policy's, never a setting's."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from bot.domain.approval import EXPIRE_DAYS
from bot.settings.values import Group, Listed, from_json, listed


def _stages(value: object) -> object:
    """Each stage is one addressee or a list of them."""
    given = listed(value)
    if not isinstance(given, list | tuple):
        return given
    return [[stage] if isinstance(stage, str) else stage for stage in given]


class Route(Group):
    """Where requests of one kind go; an empty condition holds for all, and the first route that fits is taken.

    An addressee is `manager`, `hr`, `slack:C…`, `teams:19:…` or `person:<user name>`.
    """

    capability: str = ""
    type: Listed = ()
    department: Listed = ()
    region: Listed = ()
    longer_than: int | None = Field(default=None, ge=0, le=366)
    stages: Annotated[tuple[tuple[str, ...], ...], BeforeValidator(_stages)]

    @model_validator(mode="after")
    def _somebody(self) -> Route:
        if not self.stages or not all(self.stages):
            raise ValueError("every stage names somebody: manager, hr, slack:C…, teams:19:… or person:<user name>")
        return self


class Approvals(Group):
    """How requests for a decision are put to people."""

    routes: Annotated[tuple[Route, ...], BeforeValidator(from_json)] = ()
    expire_days: int = Field(default=EXPIRE_DAYS, ge=1, le=90)
