"""Where HR must decide: the line manager's yes is not the last one."""

from bot.ports.ingress import DialogClosed
from tests.fakes.world import World


async def test_a_long_leave_waits_for_hr_after_the_manager(here: World) -> None:
    for name in ("john", "mia", "sarah"):
        await here.sign_in(name)
    await here.enrol("mia")
    await here.enrol("sarah")
    await here.command("john", "leave 2026-11-30 2026-12-15 unpaid")
    await here.press("john", here.last("john"), "Send request")

    await here.press("mia", here.last("mia", "Leave for John"), "Approve")
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    assert "HR" in here.last("john", "Mia").text

    await here.press("sarah", here.last("sarah", "Leave for John"), "Approve")
    assert await here.submit_code("sarah", here.code("sarah")) == DialogClosed()
    assert "approved by Sarah" in here.last("john", "Your leave").text
    assert "approved" in await here.say("john", "my leaves")
