"""Threads, mailboxes and Pykka's actors: it carries out what `core/` decides.

It owns all that runs: the slots and their mailboxes, the lives in them, the threads that give them
turns, and the runtime that outlives every actor of a tree. It never decides whether a child is
restarted, and never lets a fault of a child, a listener or a host's logging end the tree.

For others: every file without an underscore, most of them by way of `supervisors` itself. Who knows
whom: `words` and `_ports` lie below; `runtime`, `root` and `supervisor` put the real ones together.
"""
