"""python3-libvirt as a bench asks it: a line `WHAT COUNT` on standard input, nanoseconds each on standard output."""
import sys
import time

import libvirt

connection = libvirt.open(sys.argv[1])

WORK = {
    "call": connection.getLibVersion,
    "list": lambda: [(domain.name(), stats) for domain, stats in connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)],
    "list-one-by-one": lambda: [(domain.name(), domain.state()) for domain in connection.listAllDomains()],
}

for line in sys.stdin:
    what, count = line.split()
    work = WORK[what]
    start = time.perf_counter_ns()
    for _ in range(int(count)):
        work()
    print((time.perf_counter_ns() - start) / int(count), flush=True)
