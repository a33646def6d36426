"""Measurements, by public names only, beside what a user would pick instead.

``python -m benchmarks`` lists them; ``--json FILE`` writes the figures with the machine, the
Python, the commit and the versions that they belong to. Compare ratios within one run; absolute
times move from machine to machine.

The way of a scenario (`beside.py`): what it says is to be compared (``scenarios/``, one file each)
is first compared on the wire (`wire.py`), then run in fresh processes (`runner.py`, `child.py`), in
which one of ``contestants/`` gets the events of a workload (`workloads.py`, `shapes.py`).
"""
