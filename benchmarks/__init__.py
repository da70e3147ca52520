"""Benchmarks: each module measures us, our peers and the machine's limit in the same run."""
