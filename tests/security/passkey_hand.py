"""What the page's script and an authenticator do together, for tests without a browser."""

from __future__ import annotations

import json

import httpx2

from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import Browser, fields_of


async def signature(browser: Browser, device: SoftAuthenticator, path: str, page: httpx2.Response) -> dict[str, str]:
    """What the page's script adds to its form."""
    answer = await browser.post(path, fields_of(page), accept="application/json")
    assert answer.status_code == 200, answer.text
    asked = json.loads(answer.text)
    return {"credential": device.get(asked["options"]), "ceremony": asked["ceremony"]}


async def bind(browser: Browser, device: SoftAuthenticator) -> None:
    """A first factor: a passkey and nothing else."""
    page = await browser.post("/enrol/passkey/begin", fields_of(await browser.get("/enrol")))
    answer = await browser.post("/enrol/passkey/options", fields_of(page), accept="application/json")
    asked = json.loads(answer.text)
    made = {"credential": device.create(asked["options"]), "ceremony": asked["ceremony"], "name": "laptop"}
    assert (await browser.press(page, **made)).status_code == 200


async def make(browser: Browser, device: SoftAuthenticator, path: str, page: httpx2.Response) -> httpx2.Response:
    """A further passkey, on the page that a proof opened."""
    answer = await browser.post(f"{path}/passkey/options", fields_of(page), accept="application/json")
    assert answer.status_code == 200, answer.text
    asked = json.loads(answer.text)
    made = {"credential": device.create(asked["options"]), "ceremony": asked["ceremony"], "name": "phone"}
    return await browser.press(page, **made)
