"""Virtual subjects and virtual sensors."""
