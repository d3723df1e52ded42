"""Looks over a whole set-up: what is right, what is wrong, what cannot be seen, and how to mend each.

One file a subject, each a list of small checks: pure functions from frozen facts to findings, so that no test
needs the machine. The facts are looked at in `looking/`, a file a subject too: there are the files, the
engine, the programs, all bounded in time. `examine` looks at everything at once and lets the checks judge;
a look that fails or takes too long is a finding like any other. Start at finding.py, then examine.py.

It changes nothing, and sends nothing unless asked to.
"""
