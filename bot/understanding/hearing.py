"""Step 4: from a message to an intent, whether it was typed, pressed, or waits in a proposal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from pydantic import ValidationError

from bot.capabilities.model import LONGEST_TEXT, Arguments, Capability
from bot.domain.intent import Intent, Origin, Question
from bot.domain.messages import EventKind
from bot.domain.typed_code import is_code
from bot.services.buttons import SAID, TYPED_ON_PAGE, WRITTEN, intent_of
from bot.services.turns import DID_NOT_HELP, Turn, read_slot
from bot.texts.formats import zone
from bot.understanding.commands import SENT_ON
from bot.understanding.understand import Understanding

HELPLESS = frozenset({"understanding.unknown", "understanding.did_you_mean", "understanding.not_usable"})
"""Answers that could not help."""
SIGN_OUT = (("understanding.sign_out_here", False), ("understanding.sign_out_everywhere", True))
"""Where one may sign out, by the text of its button."""
NO_QUESTION = Question(text_key="understanding.not_usable")


class Hearing:
    """Everything that turns a message into an intent."""

    def __init__(
        self, understanding: Understanding, catalogue: Mapping[str, Capability], *, offers_owner: bool = False
    ) -> None:
        """With `offers_owner` what is not understood may be sent to whoever answers for Doorward."""
        self._offers_owner = offers_owner
        self._understanding = understanding
        self._catalogue = catalogue

    def hear(self, turn: Turn, now: datetime) -> Intent | Question:
        """The intent, with arguments that fit the catalogue; or the question to ask back."""
        if turn.proposal is not None:
            turn.unhelped = self._pressed(turn, turn.proposal.action.capability)
            origin = Origin(turn.proposal.origin)
            action = turn.proposal.action
            return Intent(capability=action.capability, arguments=dict(action.arguments), origin=origin)
        if turn.pressed is not None and turn.pressed.kind == SAID:
            heard = _which_sessions(self._sentence(turn, str(turn.pressed.payload.get("text", "")), now))
        elif turn.pressed is not None and turn.pressed.kind in {WRITTEN, TYPED_ON_PAGE}:
            heard = self._written(turn)
        elif turn.pressed is not None:
            turn.unhelped = self._pressed(turn, intent_of(turn.pressed).capability)
            heard = self._understanding.complete(intent_of(turn.pressed))
        else:
            turn.unhelped = self._may_be_sent_on(turn)
            typed = self._typed(turn, now.astimezone(zone(turn.person.timezone)).date())
            heard = self._helpless(turn, _which_sessions(typed))
        return self._fitting(heard) if isinstance(heard, Intent) else heard

    def _helpless(self, turn: Turn, heard: Intent | Question) -> Intent | Question:
        """With the sentence that may be sent on, where nothing is known to do with it."""
        if not turn.unhelped or not isinstance(heard, Question) or heard.text_key not in HELPLESS:
            return heard
        return replace(heard, sentence=turn.unhelped)

    def _pressed(self, turn: Turn, name: str) -> str:
        """What a press was for, as a sentence that may be sent on: which action, and nothing of whom it is about."""
        known = self._catalogue.get(name)
        offered = self._offers_owner and not turn.message.automatic and name != DID_NOT_HELP
        if known is None or not offered:
            return ""
        return turn.voice.say("account.did_not_help.pressed", title=turn.voice.say(known.title_key))[:SENT_ON]

    def _may_be_sent_on(self, turn: Turn) -> str:
        typed = turn.message.kind in {EventKind.MESSAGE, EventKind.COMMAND} and not is_code(turn.message.text)
        return turn.message.text.strip()[:SENT_ON] if self._offers_owner and typed else ""

    def _sentence(self, turn: Turn, text: str, now: datetime) -> Intent | Question:
        """What somebody else posted and a press has made the person's own: a sentence, never a command."""
        today, locale = now.astimezone(zone(turn.person.timezone)).date(), turn.message.locale or turn.voice.language
        return self._understanding.understand(text, today=today, locale=locale, is_command=False)

    def _written(self, turn: Turn) -> Intent | Question:
        """What was written in a dialog, as the arguments the dialog was for."""
        assert turn.pressed is not None
        blanks = turn.pressed.payload["blanks"]
        assert isinstance(blanks, list)
        written = {str(name): turn.message.fields.get(str(name), "").strip() for name in blanks}
        if not all(0 < len(text) <= LONGEST_TEXT for text in written.values()):
            return Question(text_key="ask.length")
        intent = intent_of(turn.pressed)
        heard = self._understanding.complete(replace(intent, arguments={**intent.arguments, **written}))
        if not isinstance(heard, Intent) or heard != self._fitting(heard):
            return Question(text_key="ask.fit")
        return heard

    def _typed(self, turn: Turn, today: date) -> Intent | Question:
        """A sentence or command; first taken as the answer to the question that waits, if one does."""
        text, locale = turn.message.text, turn.message.locale or turn.voice.language
        if turn.slot is not None and turn.message.kind is EventKind.MESSAGE:
            partial, missing = read_slot(turn.slot)
            answered = self._understanding.resume(partial, missing, text, today=today, locale=locale)
            if answered is not None:
                return answered
        is_command = turn.message.kind is EventKind.COMMAND
        return self._understanding.understand(text, today=today, locale=locale, is_command=is_command)

    def _fitting(self, intent: Intent) -> Intent | Question:
        if intent.capability not in self._catalogue:
            return intent if intent.capability in BUILT_IN else NO_QUESTION
        try:
            self.arguments(intent)
        except ValidationError:
            return NO_QUESTION
        return intent

    def arguments(self, intent: Intent) -> Arguments:
        """The arguments as the capability's own model. Raises `ValidationError`."""
        return self._catalogue[intent.capability].arguments.model_validate(intent.arguments)

    def canonical(self, intent: Intent) -> Intent:
        """The intent with defaults filled in and values normalised, for the canonical action."""
        entry = self._catalogue[intent.capability]
        values = self.arguments(intent).model_dump(mode="json")
        return replace(intent, arguments={name: values.get(name) for name in entry.canonical})


def _which_sessions(heard: Intent | Question) -> Intent | Question:
    """What is typed ends no session by itself: here or everywhere is answered by a press."""
    if not isinstance(heard, Intent) or heard.capability != "sign_out":
        return heard
    choices = [(key, replace(heard, arguments={"everywhere": everywhere})) for key, everywhere in SIGN_OUT]
    asked_for = bool(heard.arguments.get("everywhere"))
    return Question(text_key="understanding.sign_out", choices=tuple(choices[::-1] if asked_for else choices))


BUILT_IN = frozenset({"help", "sign_in", "start"})
"""Not capabilities: they need no decision and touch nothing."""
