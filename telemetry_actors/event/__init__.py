"""What travels: a case and its definition, the envelope, its ticket, and the signals made of it.

It owns the wire form of an event and the rules for its values: ids, forms, marks, limits. It never
knows who carries an event or what becomes of it. Pure functions and plain data, on any thread.

For others: `cases`, `definition`, `emits`, `envelope`, `ticket`, `json_form`, `decoding`, `forms`,
`ids`, `marks`, `sanitise`, `fallback`, `signals`, `instruments`, `own_metrics`, and the checks
`definition_check` and `instrument_check`.
"""
