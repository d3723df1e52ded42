"""A line's bytes → fields, and how each field is spelled in the raw line."""
