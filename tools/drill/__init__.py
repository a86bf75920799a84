"""The drill: a throw-away FOAM under faults, judged by the messages that its receivers got.

`workload` makes the reminders, `expected` computes what must become of each, `faults` strikes
meanwhile, `run` runs it all and `verdict` compares. Nothing here reads an operator's data.
"""
