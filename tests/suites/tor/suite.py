"""Tor endpoints of a node on a private Tor network.

usage: suite.py TRANSOM ENV_JSON [PART ...]

TRANSOM   the program, built with the feature embedded-tor
ENV_JSON  what tor-testnet says of its network
PART      services connecting keys authorized restarts pipes exits no_network tor_killed (default: all)
Environment: PATIENCE=SECONDS for each wait (60); VERBOSE=1 shows where a check was ended; KEEP=1 keeps the nodes' folders;
EMBEDDED=0 leaves out what needs a Tor inside the program
Prints a line per check, indented ones with figures that are not judged, and 'N passed, N failed' last.
"""
import asyncio
import logging
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import connecting  # noqa: E402
import faults  # noqa: E402
import services  # noqa: E402
from rig import Checks, Net, Transom, say  # noqa: E402

# It has no need of the network, waits half a minute for it, and so runs beside the others.
BESIDE = "no_network"
# What kills Tor comes last.
PARTS = {
    "services": services.run,
    "connecting": connecting.pairings,
    "keys": faults.keys,
    "authorized": connecting.authorized,
    "pipes": connecting.pipes,
    "exits": connecting.exits,
    "restarts": services.restarts,
    "no_network": faults.no_network,
    "tor_killed": faults.tor_killed,
}


class Ground:
    """What all checks share."""

    def __init__(self, binary, env_file, folder):
        self.net, self.transom, self.checks, self.services = Net(env_file), Transom(binary, folder), Checks(), {}
        self.check, self.part = self.checks.check, self.checks.part


async def run(g, name):
    began = time.monotonic()
    with g.part(name):
        await PARTS[name](g)
    say("%s took %.1f s" % (name, time.monotonic() - began))


async def main(binary, env_file, wanted):
    folder = tempfile.mkdtemp(prefix="transom-tor-")
    g = Ground(os.path.abspath(binary), env_file, folder)
    try:
        with g.part("the nodes of most checks"):
            await services.started(g)
        chosen = [name for name in PARTS if not wanted or name in wanted]
        beside = [asyncio.ensure_future(run(g, name)) for name in chosen if name == BESIDE]
        for name in chosen:
            if name != BESIDE:
                await run(g, name)
        await asyncio.gather(*beside)
    finally:
        for service in g.services.values():
            with g.part("a node leaves"):
                code = await service.node.end()
                g.check("%s leaves with exit code 0" % service.node.name, code == 0, code)
        with g.part("the end"):
            await g.transom.end()
        if os.environ.get("KEEP"):
            say("kept " + folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return g.checks


if __name__ == "__main__":
    unknown = [name for name in sys.argv[3:] if name not in PARTS]
    if len(sys.argv) < 3 or unknown:
        print(__doc__)
        sys.exit(2)
    # Libraries say on the way what is not about the checks.
    logging.disable(logging.CRITICAL)
    checks = asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
    sys.stderr.flush()
    print("%d passed, %d failed" % (checks.ok, checks.bad), flush=True)
    os._exit(1 if checks.bad or not checks.ok else 0)  # no library gets to print after the last line
