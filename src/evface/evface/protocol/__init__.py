"""The elicitation protocol: the 21 Action Units, the script of a session, its state machine."""

from evface.protocol.action_units import ACTION_UNITS, AU_NUMBERS, CLASS_OF_AU, ActionUnit, action_unit
from evface.protocol.clips import clip_folder, clip_path, draw_clips, missing_clips
from evface.protocol.commands import COMMANDS, SUBJECT_COMMANDS, Command, about_take, scopes_of
from evface.protocol.journal import (
    Journal,
    JournalEnd,
    last_words,
    redone_takes,
    session_folder,
    taken_on_disk,
    unfinished,
)
from evface.protocol.machine import SessionMachine
from evface.protocol.phases import PHASES, Phase
from evface.protocol.script import Demonstration, Script, load_script
from evface.protocol.takes import EndedTake, Outcome, take_outcome
from evface.protocol.texts import Texts, load_texts
from evface.protocol.transition import Answer, Position, Transition

__all__ = [
    "ACTION_UNITS",
    "AU_NUMBERS",
    "CLASS_OF_AU",
    "COMMANDS",
    "PHASES",
    "SUBJECT_COMMANDS",
    "ActionUnit",
    "Answer",
    "Command",
    "Demonstration",
    "EndedTake",
    "Journal",
    "JournalEnd",
    "Outcome",
    "Phase",
    "Position",
    "Script",
    "SessionMachine",
    "Texts",
    "Transition",
    "about_take",
    "action_unit",
    "clip_folder",
    "clip_path",
    "draw_clips",
    "last_words",
    "load_script",
    "load_texts",
    "missing_clips",
    "redone_takes",
    "scopes_of",
    "session_folder",
    "take_outcome",
    "taken_on_disk",
    "unfinished",
]
