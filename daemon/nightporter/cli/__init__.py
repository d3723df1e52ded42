"""The door for a person: a file a verb, imported when the verb is used."""
