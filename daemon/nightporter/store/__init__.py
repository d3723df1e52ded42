"""One SQLite file, one module a table group. Start at `database.Database`."""
