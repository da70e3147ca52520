"""What goes wrong in a lab, done on purpose to real processes: `make faults`, and the quickest as tests."""
