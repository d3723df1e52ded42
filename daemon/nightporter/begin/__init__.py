"""The first ten minutes: what `survey` found becomes a config, a look back, and a first message.

`plan` chooses the sources, `page` writes config.yaml, `history` judges what is there already, `post` counts
it as messages, `greeting` is the first one. `cli/init.py` walks through them.
"""
