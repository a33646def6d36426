"""The machine as both packages see it: clocks, locks and waits, processes, the interpreter.

It owns what must be told apart once and then holds everywhere: which process this is after a fork,
and what a native lock or wait is where gevent has patched the usual ones. It never knows an actor
or a tree, and never takes a lock that a forked child could find held for ever.

For others: `clock`, `native`, `process`; `interpreter` is imported for its refusal alone.
"""
