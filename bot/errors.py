"""The one tree of errors: stable codes for the audit trail, a detail for operators, sentences live in `bot.texts`.

DoorwardError
├── Refusal                      somebody outside asked for what cannot be had; ends in a 4xx or a kind sentence
│   ├── Malformed                400
│   ├── NotProven                401
│   │   └── SignInRefused        the identity provider's answer failed a check
│   ├── NotAllowed               403
│   ├── TooLarge                 413
│   ├── TooMany                  429
│   ├── HandleSpent              a button, link or ticket that is unknown, late or used
│   └── AlreadyLinked            this chat account is linked; links are never replaced
├── Unavailable                  503, try again
│   ├── ProviderUnavailable      the identity provider does not answer
│   ├── StorageUnavailable       the database refuses a write
│   ├── PlatformUnavailable      a chat platform does not answer, or asks us to wait
│   ├── MailUnavailable          the mail server does not take a letter
│   └── KeysUnavailable          the key service does not give out the keys
├── PlatformRefused              a chat platform refuses for good
├── AccountRevoked               the provider no longer stands for this person
├── IntegrityAlarm               a row that carries authority fails its MAC: deny and alarm
├── Stale                        something changed between decision and transaction: decide again
├── ConnectorError               what an HR or CRM system can answer (see `bot.ports.connectors`)
└── Misconfigured                start-up is refused; names the setting, what was found, what helps
"""

from __future__ import annotations


class DoorwardError(Exception):
    """Base of the tree; never raised itself."""

    code = "internal"

    def __init__(self, detail: str = "", *, code: str | None = None) -> None:
        super().__init__(detail or code or self.code)
        self.detail = detail
        if code is not None:
            self.code = code


class Refusal(DoorwardError):
    """Somebody outside asked for what cannot be had."""

    code = "refused"
    status = 403


class Malformed(Refusal):
    """The request is not of the form the way in takes."""

    code = "ingress.malformed"
    status = 400


class NotProven(Refusal):
    """The request does not prove where it comes from."""

    code = "ingress.not_proven"
    status = 401


class SignInRefused(NotProven):
    """The identity provider's answer failed one of our checks; `code` says which (`idp.…`).

    `challenge` is what the provider wants to see in the browser instead, in the form of the `claims` parameter.
    """

    code = "idp.refused"

    def __init__(self, detail: str = "", *, code: str | None = None, challenge: str = "") -> None:
        super().__init__(detail, code=code)
        self.challenge = challenge


class NotAllowed(Refusal):
    """Authentic, but foreign or not permitted."""

    code = "ingress.foreign"


class TooLarge(Refusal):
    """Over the size or nesting limit."""

    code = "ingress.too_large"
    status = 413


class TooMany(Refusal):
    """Over a rate limit."""

    code = "throttled"
    status = 429


class HandleSpent(Refusal):
    """A button, link or ticket that is unknown, late, foreign or used: one outcome, so that nothing is revealed."""

    code = "handle.spent"


class AlreadyLinked(Refusal):
    """This chat account is linked already; a link is never silently replaced."""

    code = "link.exists"


class Unavailable(DoorwardError):
    """Something we depend on does not answer; nothing was done."""

    code = "unavailable"
    status = 503


class ProviderUnavailable(Unavailable):
    """The identity provider does not answer, or not in a form we can trust.

    `retry_after_seconds` says how long it asked us to wait, if it did.
    """

    code = "idp.unavailable"

    def __init__(self, detail: str = "", *, code: str | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_seconds = retry_after_seconds


class StorageUnavailable(Unavailable):
    """The database refuses a read or a write."""

    code = "storage.unavailable"


class AccountRevoked(DoorwardError):
    """The identity provider no longer stands for this person; `challenge` as with `SignInRefused`."""

    code = "idp.revoked"

    def __init__(self, detail: str = "", *, code: str | None = None, challenge: str = "") -> None:
        super().__init__(detail, code=code)
        self.challenge = challenge


class IntegrityAlarm(DoorwardError):
    """A row that carries authority fails its MAC: treated as a deny, and operators are alarmed."""

    code = "integrity.alarm"


class Stale(DoorwardError):
    """Something the decision was made on has changed since: decide again."""

    code = "decision.stale"


class FactsChanged(DoorwardError):
    """What an action is about is no longer what its person was shown."""

    code = "changed_meanwhile"


class Misconfigured(DoorwardError):
    """Start-up is refused; the detail names the setting, what was found and what helps."""

    code = "misconfigured"


class PlatformUnavailable(Unavailable):
    """A chat platform does not answer or asks us to wait; `retry_after_seconds` says how long.

    With `outcome_unknown` it may have done what was asked: a message may stand there already.
    """

    code = "platform.unavailable"

    def __init__(self, detail: str = "", *, retry_after_seconds: float = 1.0, outcome_unknown: bool = False) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds
        self.outcome_unknown = outcome_unknown


class KeysUnavailable(Unavailable):
    """The key service does not answer, or does not give us our keys: nothing can be read or written."""

    code = "keys.unavailable"


class MailUnavailable(Unavailable):
    """The mail server does not take a letter."""

    code = "mail.unavailable"


class PlatformRefused(DoorwardError):
    """A chat platform refuses for good (unknown conversation, revoked token)."""

    code = "platform.refused"
