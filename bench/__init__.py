"""Paired benchmark of the relay against Postfix: one run, one machine, interleaved rounds; `python -m bench`.

Every figure is measured by a process that is neither peer: a load generator plays the devices, a fake Exchange Online
receives, and /proc tells what each peer used. `docs/performance.md` says what is compared with what, and how to
repeat it.
"""
