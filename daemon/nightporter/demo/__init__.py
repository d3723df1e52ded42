"""The story that `nightporter demo` plays: lines that real programs wrote, with new stamps and addresses.

`acts.yaml` is the story, `story` reads it and says which line is due when. Writing the lines and running the
daemon on them is `cli/demo.py`'s affair.
"""
