"""Administration in chat: roles, sessions, locks, audit, policy; each inside the transaction that records it."""

from __future__ import annotations

from dataclasses import replace

from bot.capabilities.agreeing import agree, agree_alone
from bot.capabilities.audit_search import SearchAudit, search_audit
from bot.capabilities.model import Acting, Arguments, Capability, Effect, Group, Local, PerformLocal
from bot.domain.action import ResourceRef
from bot.domain.answer import Draft, Result, Sheet
from bot.domain.cards import Card, Fact, Status
from bot.domain.identity import LinkedIdentity, Person, Principal, Role, RoleGrant
from bot.domain.signal import is_suspension
from bot.ports.connectors import NotFound
from bot.services import changes, company_sessions, enrolment_codes, roles
from bot.services.people import NEWCOMER, exact_name, find_person, identity_from_key
from bot.services.sessions import end_everything
from bot.texts.formats import moment
from policy.model import EVERY_DEPARTMENT


class OnePerson(Arguments):
    """Somebody by user name."""

    person: str


class MaybePerson(Arguments):
    """Somebody, or everybody."""

    person: str = ""


class GrantRole(OnePerson):
    """A role for somebody, in a department or everywhere."""

    role: Role
    scope: str = "*"


class RevokeRole(OnePerson):
    """A role to take away."""

    role: Role


class LockPerson(OnePerson):
    """Somebody to lock out, and why."""

    reason: str = ""


class ExplainPolicy(Arguments):
    """Who, what, on which resource."""

    person: str
    action: str
    resource: str = ""


def _system(arguments: Arguments, principal: Principal) -> ResourceRef:  # noqa: ARG001 - one shape for all targets
    return ResourceRef(type="System", id="doorward")


def _of_person(arguments: Arguments, principal: Principal) -> ResourceRef:  # noqa: ARG001 - one shape for all targets
    return ResourceRef(type="Person", id=str(getattr(arguments, "person", "")))


def _person(local: Local, acting: Acting) -> Person:
    """The person the decided resource names: by identity key, so that a changed user name reaches nobody else."""
    person = local.tx.persons.find(identity_from_key(acting.facts.ref.id))
    if person is None:
        raise NotFound
    return person


def _holder(local: Local, acting: Acting) -> tuple[LinkedIdentity, str, frozenset[Role]]:
    """Whom a role is given to: identity, name, and what the provider gives them; they may never have signed in."""
    identity = identity_from_key(acting.facts.ref.id)
    person = local.tx.persons.find(identity)
    if person is not None:
        return identity, exact_name(local.tx, person), person.roles
    if acting.facts.state != NEWCOMER:
        raise NotFound
    return identity, str(identity.subject), frozenset()


def _done(acting: Acting, key: str, **values: object) -> Result:
    return Result(draft=Draft(card=Card(headline=acting.voice.say(key, **values), status=Status.ALLOWED)))


def list_roles(local: Local, acting: Acting) -> Result:
    """Roles given inside Doorward, and with a name, everything that person has."""
    say, wanted = acting.voice.say, acting.argument("person")
    person = find_person(local.tx, wanted) if wanted else None
    identity = person.identity if person else identity_from_key(wanted)
    grants = local.tx.roles.of_identity(identity) if wanted else local.tx.roles.everyone()
    facts = [_grant_fact(local, acting, grant) for grant in grants[:20]]
    if person is not None:
        provider = ", ".join(say(f"roles.{role}") for role in sorted(person.roles))
        facts.insert(0, Fact(label=say("admin.from_provider"), value=provider))
    headline = say("admin.list_roles.person", name=wanted) if wanted else say("admin.list_roles.all", count=len(grants))
    body = "" if wanted else say("admin.list_roles.only_given")
    return Result(draft=Draft(card=Card(headline=headline, body=body, facts=tuple(facts))))


def _grant_fact(local: Local, acting: Acting, grant: RoleGrant) -> Fact:
    holder = local.tx.persons.find(grant.identity)
    name = holder.username if holder else str(grant.identity.subject)
    given = moment(grant.granted_at, acting.principal.timezone, acting.voice.language)
    scope = acting.voice.say("admin.everywhere") if grant.scope == EVERY_DEPARTMENT else grant.scope
    line = acting.voice.say("admin.grant_line", scope=scope, by=_name(local, grant.granted_by), at=given)
    return Fact(label=f"{name}: {acting.voice.say(f'roles.{grant.role}')}", value=line)


def _name(local: Local, key: str) -> str:
    person = local.tx.persons.find(identity_from_key(key))
    return person.username if person else key


def grant_role(local: Local, acting: Acting) -> Result:
    """Give a role."""
    identity, name, has = _holder(local, acting)
    role, scope = Role(acting.argument("role")), acting.argument("scope") or EVERY_DEPARTMENT
    held = [grant for grant in local.tx.roles.of_identity(identity) if grant.role is role]
    if role in has or held:
        return _done(acting, "admin.grant_role.already", name=name, role=acting.voice.say(f"roles.{role}"))
    waits = agree(local, acting, identity, name, "grant_role", role=role.value, scope=scope)
    if waits is not None:
        return waits
    roles.give(local.tx, identity, role, scope, by=acting.principal.key, now=acting.now)
    return _done(acting, "admin.grant_role.done", name=name, role=acting.voice.say(f"roles.{role}"))


def revoke_role(local: Local, acting: Acting) -> Result:
    """Take a role away that was given inside Doorward; what the provider gives, the provider takes."""
    identity, name, _ = _holder(local, acting)
    role = Role(acting.argument("role"))
    held = [grant for grant in local.tx.roles.of_identity(identity) if grant.role is role]
    waits = agree(local, acting, identity, name, "revoke_role", role=role.value) if held else None
    if waits is not None:
        return waits
    roles.take(local.tx, identity, role)
    key = "admin.revoke_role.done" if held else "admin.revoke_role.not_held"
    return _done(acting, key, name=name, role=acting.voice.say(f"roles.{role}"))


def list_sessions(local: Local, acting: Acting) -> Result:
    """Open sessions, the latest used first."""
    sessions = local.tx.sessions.everyone(20)
    facts = tuple(
        Fact(
            label=f"{_name(local, item.identity.key)} · {acting.voice.say(f'platforms.{item.channel.platform}')}",
            value=acting.voice.say(
                "account.session_line",
                since=moment(item.opened_at, acting.principal.timezone, acting.voice.language),
            ),
        )
        for item in sessions
    )
    headline = acting.voice.say("admin.list_sessions.headline", count=len(sessions))
    return Result(draft=Draft(card=Card(headline=headline, facts=facts)))


def revoke_sessions(local: Local, acting: Acting) -> Result:
    """End every session of a person."""
    person = _person(local, acting)
    name = exact_name(local.tx, person)
    agree(local, acting, person.identity, name, "revoke_sessions")
    ended = end_everything(local.tx, person.identity)
    return _done(acting, "admin.revoke_sessions.done", name=name, count=ended.sessions)


def end_company_sessions(local: Local, acting: Acting) -> Result:
    """End a person's sessions in the whole company: ours here and now, and the provider is told to end all others."""
    person = _person(local, acting)
    named = company_sessions.ask(local.tx, person, by=acting.channel)
    ended = end_everything(local.tx, person.identity)
    say, how, name = acting.voice.say, "asked" if named else "unnamed", exact_name(local.tx, person)
    card = Card(
        headline=say("admin.end_company_sessions.done", name=name, count=ended.sessions),
        body=say(f"admin.end_company_sessions.{how}", name=name, provider=person.provider),
        status=Status.ALLOWED,
    )
    return Result(draft=Draft(card=card), code="done" if named else "company_sessions.unnamed")


def lock_person(local: Local, acting: Acting) -> Result:
    """Lock somebody out: the lock is part of their row, and everything of theirs ends."""
    person = _person(local, acting)
    name = exact_name(local.tx, person)
    agree(local, acting, person.identity, name, "lock_person")
    reason = acting.argument("reason")
    # Whatever an administrator types, a source of signals must not take it for a lock of its own.
    reason = f"({reason})" if is_suspension(reason) else reason
    local.tx.persons.save(replace(person, locked=True, lock_reason=reason))
    end_everything(local.tx, person.identity)
    return _done(acting, "admin.lock_person.done", name=name)


def unlock_person(local: Local, acting: Acting) -> Result:
    """Let somebody in again; they sign in anew. Clears the alarm where their row, or their counts, were deleted."""
    identity = identity_from_key(acting.facts.ref.id)
    person = local.tx.persons.find(identity)
    name = str(identity.subject) if person is None else exact_name(local.tx, person)
    if person is None and not local.tx.persons.readmit(identity):
        raise NotFound
    agree(local, acting, identity, name, "unlock_person")
    if person is not None:
        local.tx.persons.save(replace(person, locked=False, lock_reason=""))
        local.tx.guesses.begin(identity)
    return _done(acting, "admin.unlock_person.done", name=name)


def give_enrolment_code(local: Local, acting: Acting) -> Result:
    """One half of a code that lets somebody set up a first factor; another administrator gives the other half."""
    person, say = _person(local, acting), acting.voice.say
    alone = changes.is_single(local.tx, acting.now)
    if alone and (waits := agree_alone(local, acting, person)) is not None:
        return waits
    half = enrolment_codes.give(local.tx, person.identity, by=acting.principal.identity, now=acting.now)
    if alone:
        half += f" {enrolment_codes.give_alone(local.tx, person.identity, now=acting.now)}"
    sheet = Sheet(
        title=say("admin.give_enrolment_code.sheet", name=person.username),
        rows=((say("admin.give_enrolment_code.half"), half),),
        quiet=say("admin.give_enrolment_code.how"),
    )
    card = Card(headline=say("admin.give_enrolment_code.done", name=person.username), status=Status.ALLOWED)
    return Result(draft=Draft(card=card), sheet=sheet)


def explain_policy(local: Local, acting: Acting) -> Result:
    """Which rules speak to an action, and what somebody's roles make of it."""
    say = acting.voice.say
    rules = local.engine.rules_for(acting.argument("action"))
    person = find_person(local.tx, acting.argument("person"))
    roles = ", ".join(say(f"roles.{role}") for role in sorted(_held(local, acting, person))) or "–"
    facts = (
        Fact(label=say("account.roles"), value=roles),
        *(Fact(label=rule.id, value=rule.summary) for rule in rules[:12]),
    )
    headline = say(
        "admin.explain_policy.headline",
        action=acting.argument("action"),
        count=len(rules),
        name=acting.argument("person"),
    )
    return Result(
        draft=Draft(card=Card(headline=headline, facts=facts, quiet=f"policy {local.engine.policy_hash[:12]}"))
    )


def _held(local: Local, acting: Acting, person: Person | None) -> frozenset[Role]:
    if person is None:
        return frozenset()
    given = {grant.role for grant in local.tx.roles.of_identity(person.identity) if grant.holds(acting.now)}
    return person.roles | given


def _entry(
    name: str,
    action: str,
    arguments: type[Arguments],
    local: PerformLocal,
    command: str,
    *,
    canonical: tuple[str, ...] = (),
    write: bool = False,
    on_person: bool = False,
) -> Capability:
    return Capability(
        name=name,
        action=action,
        group=Group.ADMIN,
        resource_type="Person" if on_person else "System",
        arguments=arguments,
        canonical=canonical,
        effect=Effect.WRITE if write else Effect.READ,
        target=_of_person if on_person else _system,
        local=local,
        command=command,
    )


ADMIN: tuple[Capability, ...] = (
    _entry("list_roles", "ListRoles", MaybePerson, list_roles, "roles list", canonical=("person",)),
    _entry(
        "grant_role",
        "GrantRole",
        GrantRole,
        grant_role,
        "roles grant",
        canonical=("role", "scope"),
        write=True,
        on_person=True,
    ),
    _entry(
        "revoke_role",
        "RevokeRole",
        RevokeRole,
        revoke_role,
        "roles revoke",
        canonical=("role",),
        write=True,
        on_person=True,
    ),
    _entry("list_sessions", "ListSessions", Arguments, list_sessions, "sessions list"),
    _entry(
        "revoke_sessions",
        "RevokeSessions",
        OnePerson,
        revoke_sessions,
        "sessions revoke",
        write=True,
        on_person=True,
    ),
    _entry(
        "end_company_sessions",
        "EndCompanySessions",
        OnePerson,
        end_company_sessions,
        "sessions end-company",
        write=True,
        on_person=True,
    ),
    _entry(
        "lock_person", "LockPerson", LockPerson, lock_person, "lock", canonical=("reason",), write=True, on_person=True
    ),
    _entry("unlock_person", "UnlockPerson", OnePerson, unlock_person, "unlock", write=True, on_person=True),
    _entry(
        "give_enrolment_code",
        "GiveEnrolmentCode",
        OnePerson,
        give_enrolment_code,
        "enrolment code",
        write=True,
        on_person=True,
    ),
    _entry("search_audit", "SearchAudit", SearchAudit, search_audit, "audit search", canonical=("query",)),
    _entry(
        "explain_policy",
        "ExplainPolicy",
        ExplainPolicy,
        explain_policy,
        "policy explain",
        canonical=("person", "action", "resource"),
    ),
)
