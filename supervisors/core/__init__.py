"""What a supervisor decides, as a pure function of what it has heard: OTP's rules, and ours.

It owns the words of a specification (`spec`, `words`, `backoff`), those between core and shell
(`protocol`), and the memory of one supervisor, which lives no longer than that supervisor. It never
starts a thread, reads a clock, sends a message or calls a user's code: time comes with each event,
and what is to be done goes out as effects.

For others: `spec`, `words`, `backoff`, `protocol`, `inflight`, `check`, and `core` for `run/`.
"""
