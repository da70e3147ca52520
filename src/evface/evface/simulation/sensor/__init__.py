"""What cameras make of light: events of ideal and of real pixels, frames that take time."""
