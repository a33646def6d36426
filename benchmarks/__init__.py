"""Measurements, by public names only, beside what a user would pick instead.

``python -m benchmarks emit`` prints a table; ``--json FILE`` writes the figures with the
machine, the Python and the commit that they belong to. Compare ratios within one run;
absolute times move from machine to machine.
"""
