"""Everything that ``telemetry-actors demo`` and ``replay`` need beside the product.

It owns where events come from (a simulated application, JSONL, a production service's arrivals)
and a small receiver that counts what arrives. It never touches the inside of a gateway but to make
the accidents of the demo.

For others: `application`, `azure`, `event`, `faults`, `jsonl`, `receiver`, `session`.
"""
