"""From settings to the supervision tree: who is in it, who feeds whom, who restarts whom.

It owns the plan (`whole` is the only file that knows all stages) and what a configuration file may
change of it. It makes mailboxes and specifications, and starts nothing.

For others: `whole`, `blueprint`, `parts`, `overrides`.
"""
