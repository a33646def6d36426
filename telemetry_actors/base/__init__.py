"""What knows nothing of telemetry, and everybody may lean on: log lines, breakers, timing, words.

It owns the bounds of what is logged, and the list of what a process has still to say. It never
knows an event, an actor or a setting, and never writes a line on the thread of whoever emits.

For others: `log`, `outage`, `told_later`, `breaker`, `timing`, `wall_clock`, `inside`, `unseen`,
`nearest`, `switches`, `misfit`, `rpc_codes`.
"""
