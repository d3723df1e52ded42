"""Rule files → one `Ruleset`: schema, loading, merging, tuning, and every mistake with its place."""
