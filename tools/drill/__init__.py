"""The drill: FOAM on a rig, with faults, judged by what its receivers saw.

`mixture` says what is asked of FOAM, `oracle` what must come of it, `faults` what goes wrong
meanwhile, `stage` runs it all and `verdict` compares. Nothing here looks at an operator's data.
"""
