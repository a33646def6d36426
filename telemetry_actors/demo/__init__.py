"""Everything that ``telemetry-actors demo`` and ``replay`` need beside the product.

Where events come from (a simulated application, JSONL, a production service's
arrivals) and a small receiver that counts what arrives. Uses public names only.
"""
