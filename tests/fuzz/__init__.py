"""Broken inputs of every kind: each must end in a result or in one of our errors, in time.

``cd tests && python -m fuzz 100000`` tries so many; see docs/broken_files.md.
"""
