"""The life of one gateway in one process: built, started, parked, drained, stopped.

It owns the state of it (`life`), which only this room and `gateway.py` know, and the order in which
its parts begin and end. It never handles an event: it waits until others have, or ends what nobody
will take.

For others: `starting`, `stopping`, `draining`, `ending`, `cut_short`, `building`, `settings_said`
for `gateway.py` and the command line; `aside` and `event_loop` for whoever waits beside a loop.
"""
