"""The house measured: rooms, floors, circles, doors, words (``python -m tests.house``).

A room is a folder of a package, or a file in its root. An arrow from A to B says that A imports B,
also where only a type checker does. A room's floor stands above all that it imports.
"""
