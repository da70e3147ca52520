"""The recorder at its limits: zero loss at three cameras' rates, and kill -9 at any moment."""
