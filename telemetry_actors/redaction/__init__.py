"""What no text of ours may hold: each secret that is known, and how it is taken out.

It owns the set of known secrets of a process. It imports nothing of ours, so that even an error can
use it, and it never says what a secret was, nor how long.

For others: `redaction`.
"""
