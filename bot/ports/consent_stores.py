"""The stores of what people see, sign and prove with: handles, what waits, proposals, proofs, authenticators."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.identity import ChannelIdentity, LinkedIdentity
from bot.domain.interaction import Interaction
from bot.domain.messages import IncomingMessage
from bot.domain.passkey import Passkey
from bot.domain.proof import Authenticator, Proof, ProofMethod
from bot.domain.proposal import Proposal, ProposalState


class InteractionStore(Protocol):
    """Opaque handles, stored under a keyed hash; single use is the taker's business."""

    def create(self, interaction: Interaction) -> str:
        """Store; the handle (at least 128 random bits)."""
        ...

    def find(self, handle: str, *, now: datetime) -> Interaction | None:
        """Look without changing anything; None when unknown or late."""
        ...

    def take(self, handle: str, *, now: datetime) -> Interaction | None:
        """Delete and return, exactly once in parallel too; None when unknown, late or taken."""
        ...

    def replace(self, handle: str, interaction: Interaction) -> bool:
        """Compare-and-swap on `interaction.version`; whether it was still that version."""
        ...

    def sweep(self, now: datetime) -> int:
        """Delete the late ones."""
        ...


class PendingStore(Protocol):
    """What waits in a conversation (a question before sign-in, slots): one sealed row each, ten minutes."""

    def put(self, channel: ChannelIdentity, message: IncomingMessage, *, until: datetime) -> None:
        """Remember the message to resume, replacing what waited."""
        ...

    def take(self, channel: ChannelIdentity, *, now: datetime) -> IncomingMessage | None:
        """Take what waits, once."""
        ...

    def drop_all(self, identity: LinkedIdentity) -> int:
        """Forget what waits in any chat account linked to a person; how many."""
        ...


class ProposalStore(Protocol):
    """Canonical actions waiting for consent. Rows carry a MAC; the action is sealed."""

    def insert(self, proposal: Proposal) -> None:
        """Store."""
        ...

    def find(self, proposal_id: str) -> Proposal | None:
        """By id. Raises `IntegrityAlarm`."""
        ...

    def confirm(self, proposal_id: str) -> None:
        """Note that the person confirmed this digest."""
        ...

    def finish(self, proposal_id: str, state: ProposalState) -> bool:
        """WAITING -> `state`, exactly once in parallel too; whether it was waiting."""
        ...

    def void_all(self, identity: LinkedIdentity, *, but: Collection[str] = ()) -> int:
        """Void what waits for a person, but for these proposals."""
        ...


class ProofStore(Protocol):
    """Verified second factors. Rows carry a MAC."""

    def insert(self, proof: Proof) -> None:
        """Store an unspent proof."""
        ...

    def unspent(self, identity: LinkedIdentity, binding: str, *, now: datetime) -> Proof | None:
        """The latest unspent, unexpired proof of this binding."""
        ...

    def spend(self, proof_id: str, *, now: datetime) -> bool:
        """Spend, exactly once in parallel too. An `own_reading` proof is not spent, only checked for time."""
        ...

    def rebind(self, identity: LinkedIdentity, before: str, after: str) -> int:
        """Bind a person's unspent `own_reading` proofs whose binding starts with `before` to `after`; how many."""
        ...

    def about(self, identity: LinkedIdentity, binding: str) -> Sequence[Proof]:
        """Every proof of this binding, spent or not, the oldest first. Raises `IntegrityAlarm`."""
        ...

    def void_all(self, identity: LinkedIdentity) -> int:
        """Void everything unspent of a person."""
        ...

    def void_between(self, since: datetime, until: datetime) -> int:
        """Void everything unspent whose time ends after `since` and no later than `until`; how many."""
        ...

    def last_at(self, identity: LinkedIdentity, method: ProofMethod) -> datetime | None:
        """When this person last gave a proof by this method, whatever became of it. Raises `IntegrityAlarm`."""
        ...


class AuthenticatorStore(Protocol):
    """Bound authenticators; seeds sealed with associated data. Rows carry a MAC."""

    def hold(self, identity: LinkedIdentity) -> None:
        """Let nobody else change this person's factors, of whatever kind, until this transaction ends."""
        ...

    def insert(self, authenticator: Authenticator, seed: str) -> None:
        """Bind, unconfirmed."""
        ...

    def of_identity(self, identity: LinkedIdentity) -> Sequence[Authenticator]:
        """Confirmed and not disabled ones, and unconfirmed ones; the caller looks at the fields."""
        ...

    def seed(self, authenticator_id: str) -> str:
        """The shared secret. Raises `IntegrityAlarm`."""
        ...

    def count_attempt(self, authenticator_id: str, *, from_chat: bool = False) -> Authenticator:
        """Count a failure before the check (atomically); the row as it is then, disabled at the limit."""
        ...

    def accept(self, authenticator_id: str, *, step: int, now: datetime, counts_from: datetime | None = None) -> bool:
        """Set `last_step` if it grows, reset failures, confirm: one conditional update; whether it did.

        A confirmation notes from when it counts; later uses leave that as it is.
        """
        ...

    def remove(self, authenticator_id: str) -> bool:
        """Unbind; whether there was one."""
        ...


class PasskeyStore(Protocol):
    """Bound passkeys. Rows carry a MAC."""

    def insert(self, passkey: Passkey) -> bool:
        """Bind; False where the credential is bound already, to whomever (WebAuthn §7.1 step 22)."""
        ...

    def of_identity(self, identity: LinkedIdentity) -> Sequence[Passkey]:
        """A person's passkeys, the oldest first. Raises `IntegrityAlarm`."""
        ...

    def used(self, passkey_id: str, *, sign_count: int, now: datetime) -> bool:
        """Note a use, in one step with the look at the counter; False where it went back or the passkey is gone."""
        ...

    def remove(self, passkey_id: str) -> bool:
        """Unbind; whether there was one."""
        ...


class EnrolmentCodeStore(Protocol):
    """Halves of enrolment codes, as keyed hashes. Rows carry a MAC."""

    def give(self, identity: LinkedIdentity, half: str, *, by: LinkedIdentity, until: datetime) -> None:
        """Keep a half from this administrator; an earlier one of theirs for this person no longer counts."""
        ...

    def spend(self, identity: LinkedIdentity, halves: tuple[str, str], *, now: datetime) -> tuple[str, str] | None:
        """Use up two halves for this person; who gave them, or None where they are not two of theirs, in time, by two.

        Raises `IntegrityAlarm`.
        """
        ...


class RecoveryCodeStore(Protocol):
    """Recovery codes, as keyed hashes. Rows carry a MAC."""

    def renew(self, identity: LinkedIdentity, codes: Sequence[str], *, now: datetime) -> None:
        """Keep these; earlier ones no longer count."""
        ...

    def left(self, identity: LinkedIdentity) -> int:
        """How many are unused."""
        ...

    def spend(self, identity: LinkedIdentity, code: str, *, now: datetime, since: datetime | None = None) -> bool:
        """Use up, exactly once in parallel too; whether it was this person's and unused.

        Raises `IntegrityAlarm`, also for one of theirs that was made before `since`, when all of those were taken back.
        """
        ...

    def forget(self, identity: LinkedIdentity) -> int:
        """None of this person's counts any more; how many there were."""
        ...
