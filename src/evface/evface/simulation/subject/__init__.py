"""What a virtual person does: movements on cue, habits, failures, and the truth about them."""
