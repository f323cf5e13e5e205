"""Kills, full disks and cuts at random points: afterwards the same command gives the same result.

``cd tests && python -m faults 50`` does 50 of each job; see docs/command_line.md.
"""
