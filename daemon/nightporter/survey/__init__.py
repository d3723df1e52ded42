"""Looks around on a machine that Nightporter has never seen, for `init`: one file a subject, facts out.

Nothing is changed, and nothing that is found decides anything here: `begin` makes a config of it. Every look
is bounded in time, bytes and number of files, and one that fails leaves its `troubles` and harms no other.
What runs in Docker and what `.env` files hold is asked through the doctor's own looks.
"""
