"""From a row that is due to a receiver's answer in the database, beside what else one would use."""

from benchmarks.bench import Bench
from benchmarks.report import Part, Spread, Table
from foam.rig import burst, fill


def measure(bench: Bench) -> Part:
    fill.empty()
    found = []
    with burst.receivers() as receiver, burst.engine(bench.rig):
        to = burst.channels(receiver)
        for _ in bench.rounds():
            found.append(burst.burst(bench.rig, receiver, to, bench.scale.burst))
    rows = [[f.rate, f.percentile(.5), f.percentile(.99), f.late[-1], f.recorded, f.lost, f.doubled, str({k:round(v,2) for k,v in f.usage.cpu.items()}), f.usage.busy, f.usage.total] for f in found]
    return Part("endtoend", "End to end", tables=[Table("x", ["rate","p50","p99","max","rec","lost","doubled","cpu","busy","total"], rows)])
