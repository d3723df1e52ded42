"""YAML with positions: a text → nodes that know their line and column, and mistakes gathered at their places.

composing.py reads, page.py is what it gives, traps.py says in plain words what YAML takes otherwise than a
person means it.
"""
