"""`doorward setup hr` and `crm`: one record read live, and the exact fix where that does not work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.connectors.demo.backend import DemoBackend
from adapters.probes import Probe
from bot.bootstrap.production import systems
from bot.bootstrap.setting_up_systems import Opens, crm_part, hr_part
from bot.ports.clock import Clock
from bot.ports.connectors import ConnectorUnavailable, RateLimited, Unauthenticated
from bot.services.authorization import GrantMint
from bot.settings.tree import Settings, load
from bot.texts.sentences import voice
from tests.fakes.shell import Shell, typed, written


def test_the_hr_system_of_the_demo_is_not_for_production(bare: Shell, config: Path) -> None:
    told = typed(bare, config, "hr", lines=("demo", "", "n"))
    assert told.exit_code == 1
    assert "refused in production" in told.stderr


def test_an_hr_system_this_version_does_not_speak_with(bare: Shell, config: Path) -> None:
    told = typed(bare, config, "hr", lines=("odoo", "E1001", "n"))
    assert told.exit_code == 1
    assert "DOORWARD_HR__KIND=odoo" in told.stderr


def test_a_system_that_there_is_not_is_asked_for_again(bare: Shell, config: Path) -> None:
    told = typed(bare, config, "hr", lines=("workday", "demo", ""), DOORWARD_ENVIRONMENT="development")
    assert told.exit_code == 0, told.output
    assert "Answer one of: demo, odoo, rest." in told.stderr
    assert written(config) == {"hr": {"kind": "demo"}}


DEVELOPMENT: dict[str, Any] = {"DOORWARD_ENVIRONMENT": "development"}


def test_the_record_of_one_employee_is_read_live(bare: Shell, config: Path) -> None:
    told = typed(bare, config, "hr", lines=("demo", "E1001"), **DEVELOPMENT)
    assert told.exit_code == 0, told.output
    assert "✓ record of E1001: found; department sales, region eu, manager E1002." in told.stderr
    assert "✓ may: " in told.stderr
    assert "create leave" in told.stderr
    assert "one account for everybody" in told.stderr
    assert "employee" not in str(written(config)), "whose record was read is not kept"


@pytest.mark.parametrize(
    ("number", "fix"),
    [("E9999", "HR knows no E9999"), ("john", "john is no employee number"), ("'; --", "HR knows no '; --")],
)
def test_a_record_that_is_not_there_gets_the_fix(bare: Shell, config: Path, number: str, fix: str) -> None:
    told = typed(bare, config, "hr", lines=("demo", number, "y", "demo", "E1001"), **DEVELOPMENT)
    assert told.exit_code == 0, told.output
    assert f"✗ record of {number}: {fix}" in told.stderr
    assert "✓ record of E1001" in told.stderr


def test_checking_hr_asks_nothing_and_reads_nobody(bare: Shell, config: Path) -> None:
    config.touch(mode=0o600)
    told = typed(bare, config, "hr", "--check", **DEVELOPMENT)
    assert told.exit_code == 0, told.output
    assert "connection" in told.stdout
    assert "record of" not in told.stdout


def refusing(error: Exception) -> Opens:
    """The demo system in a state in which every call ends so."""

    def opens(settings: Settings, clock: Clock, mint: GrantMint) -> DemoBackend:
        backend = systems(settings, clock, mint)
        backend.faults.fail_next(error, times=9)
        return backend

    return opens


def hanging(settings: Settings, clock: Clock, mint: GrantMint) -> DemoBackend:
    """The demo system, which does not answer in time."""
    backend = systems(settings, clock, mint)
    backend.faults.hang(30)
    return backend


def probed(name: str, opens: Opens, answers: Mapping[str, str]) -> list[Probe]:
    part = {"hr": hr_part, "crm": crm_part}[name](opens)
    return part.test(load({"DOORWARD_ENVIRONMENT": "development"}), voice("en"), answers)


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (Unauthenticated("secret words of a vendor"), "it does not take the credential: paste it again"),
        (ConnectorUnavailable("secret words of a vendor"), "it does not answer; check its address"),
        (RateLimited(5.0), "it does not answer; check its address"),
    ],
)
@pytest.mark.parametrize(("name", "title"), [("hr", "HR system"), ("crm", "CRM system")])
def test_what_keeps_a_system_from_answering_has_its_fix(name: str, title: str, error: Exception, fix: str) -> None:
    (probe,) = probed(name, refusing(error), {"hr_employee": "E1001", "crm_customer": "C-101"})
    assert not probe.good
    assert f"{title}: {fix}" in probe.fix
    assert "vendor" not in str(probe)


def test_a_system_that_hangs_is_away_after_two_seconds() -> None:
    (probe,) = probed("hr", hanging, {})
    assert "it does not answer" in probe.fix


def test_a_customer_is_looked_up_live(bare: Shell, config: Path) -> None:
    told = typed(bare, config, "crm", lines=("demo", "C-101"), **DEVELOPMENT)
    assert told.exit_code == 0, told.output
    assert "✓ record of C-101: found; region eu, in charge E1004." in told.stderr
    assert "export contacts" in told.stderr
    assert "Solberg" not in told.output, "never a contact"
    assert written(config) == {"crm": {"kind": "demo"}}, "whom it looked up is not kept"


@pytest.mark.parametrize("name", ["C-999", "'; --", "x" * 3000])
def test_a_customer_that_is_not_there_gets_the_fix(bare: Shell, config: Path, name: str) -> None:
    told = typed(bare, config, "crm", lines=("demo", name, "y", "demo", "C-101"), **DEVELOPMENT)
    assert told.exit_code == 0, told.output
    assert "the CRM knows no" in told.stderr
    assert "✓ record of C-101" in told.stderr


def test_a_company_without_a_crm_goes_on(bare: Shell, config: Path) -> None:
    config.touch(mode=0o600)
    told = typed(bare, config, "--check", **DEVELOPMENT)
    assert "hr" in told.stdout
    assert "crm" not in told.stdout
    told = typed(bare, config, "--check", DOORWARD_CRM__KIND="demo", **DEVELOPMENT)
    assert "crm" in told.stdout
    told = typed(bare, config, "crm", "--check")
    assert (told.exit_code, "set DOORWARD_CRM__KIND" in told.stdout) == (1, True)


def test_each_system_answers_for_itself(bare: Shell, config: Path) -> None:
    config.touch(mode=0o600)
    told = typed(bare, config, "hr", "--check", DOORWARD_CRM__KIND="odoo", **DEVELOPMENT)
    assert told.exit_code == 0, "the CRM's trouble is the CRM's"
