"""A question back offers nobody what policy would refuse them."""

from __future__ import annotations

import pytest

from tests.fakes.world import World

ADMINISTRATORS = {"Lock a person", "Unlock a person", "Grant a role", "Search the audit log", "Test the policies"}


async def offered(here: World, name: str, text: str) -> tuple[str, set[str]]:
    """What they are told, and the buttons under it."""
    said = await here.command(name, text)
    return said, {action.label for action in here.last(name).card.actions}


@pytest.mark.parametrize("typed", ["lok mia", "unlok mia", "polcy test", "helth", "audti search", "rols grant"])
async def test_an_employee_is_offered_no_administrators_command_for_a_typo(here: World, typed: str) -> None:
    for name in ("john", "raj"):
        await here.sign_in(name)
    told, for_john = await offered(here, "john", typed)
    _, for_raj = await offered(here, "raj", typed)
    assert for_raj - {"This didn't help"}, "there is something near"
    assert not for_john & for_raj - {"Help", "What can I do?", "This didn't help"}
    for word in ("lock", "policy", "health", "audit", "roles"):
        assert word not in told.replace(typed, ""), "nor is it named"


async def test_what_is_theirs_is_still_offered(here: World) -> None:
    await here.sign_in("john")
    told, buttons = await offered(here, "john", "balnce")
    assert "balance" in told
    assert buttons - {"This didn't help"}
