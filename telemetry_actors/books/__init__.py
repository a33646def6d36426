"""Who came, and what became of it: every event ends here as exported, duplicate or dropped.

It owns the counts: of the door on each caller's thread (`shards`), of outcomes under one lock that
`emit()` never takes (`books`), of memory (`room`), and the last dead letters. It never decides an
outcome, and never looks for an event: who holds one says how it ends, and lets go of it afterwards.

For others: `books`, `ends`, `ledger`, `meanings`, `mistakes`, `shards`, `snapshot`, `room`,
`dead_letters`, `parkings`.
"""
