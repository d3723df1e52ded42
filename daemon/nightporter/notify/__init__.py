"""From a telling to a person's phone: routing, planning, rendering, sending.

    Telling ──routing──▶ rows ──plan──▶ sends ──render──▶ Message ──channels/*──▶ Outcome

`routing`, `plan`, `backoff` and `render` are pure and decide everything; `outbox` and its `worker` are the
shell that asks them, waits, sends and records. Text is made safe by `safetext` in the channel that knows its
face. Start at `outbox`. Not here: whether something is worth telling again (that is the ledger's).
"""
