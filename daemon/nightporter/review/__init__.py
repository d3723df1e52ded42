"""The review: what an owner should look at once a month, answered from what is known, and what is not.

    store, config, statuses ──gather──▶ Facts ──page──▶ Page ──faces──▶ terminal, message, JSON
                                            └──chart──▶ PNG

`facts`, `page`, `sections`, `outages`, `weekly`, `periods` and `faces` are pure, and `chart` draws from facts
alone. `gather` reads, and `desk` is the daemon's part, which sends it when it is time.
"""
