"""The elicitation protocol: the 21 Action Units, the script of a session, its state machine."""

from evface.protocol.action_units import ACTION_UNITS, AU_NUMBERS, CLASS_OF_AU, ActionUnit, action_unit

__all__ = ["ACTION_UNITS", "AU_NUMBERS", "CLASS_OF_AU", "ActionUnit", "action_unit"]
