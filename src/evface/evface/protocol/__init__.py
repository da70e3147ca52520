"""The elicitation protocol: the 21 Action Units, the script of a session, its state machine."""

from evface.protocol.action_units import ACTION_UNITS, AU_NUMBERS, CLASS_OF_AU, ActionUnit, action_unit
from evface.protocol.machine import COMMANDS, Answer, SessionMachine, Transition
from evface.protocol.script import PHASES, Demonstration, Phase, Script, Texts, load_script

__all__ = [
    "ACTION_UNITS",
    "AU_NUMBERS",
    "CLASS_OF_AU",
    "COMMANDS",
    "PHASES",
    "ActionUnit",
    "Answer",
    "Demonstration",
    "Phase",
    "Script",
    "SessionMachine",
    "Texts",
    "Transition",
    "action_unit",
    "load_script",
]
