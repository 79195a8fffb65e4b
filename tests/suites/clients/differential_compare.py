"""Compares two runs of differential_python.py, scenario by scenario, against the list of known differences.

usage: differential_compare.py LIST REFERENCE_OUTPUT TRANSOM_OUTPUT

LIST is JSON: {"reasons": {NAME: reason}, "scenarios": {SCENARIO: {"reasons": [NAME ...], "diff": [line ...]}}}. In a diff
"-" stands before a line of the reference and "+" before one of ours. A scenario passes if the two runs agree and it is
not listed, or if they differ in exactly what is listed. BLESS=1 writes the measured lines of the scenarios that are
listed; it lists none. VERBOSE=1 prints the scenarios that pass, too.
"""
import difflib
import json
import os
import sys


def read(path):
    with open(path) as f:
        return {o["scenario"]: o["lines"] for o in map(json.loads, f)}


def difference(ours, theirs):
    lines = difflib.ndiff(theirs, ours, charjunk=None)
    return [x[0] + x[2:] for x in lines if x[0] in "+-"]


def main(path, theirs, ours):
    with open(path) as f:
        known = json.load(f)
    theirs, ours = read(theirs), read(ours)
    reasons, listed = known["reasons"], known["scenarios"]
    passed = failed = 0
    used = set()

    def fail(what, lines=()):
        nonlocal failed
        failed += 1
        print("FAIL " + what)
        for line in lines:
            print("     " + line)

    for name in sorted(set(theirs) | set(ours)):
        if name not in theirs or name not in ours:
            fail("%s: only one of the two runs has it" % name)
            continue
        diff = difference(ours[name], theirs[name])
        broken = [x for x in ours[name] + theirs[name] if x.startswith("broken off")]
        if broken:
            fail("%s: the scenario broke off" % name, broken)
        elif name not in listed:
            if diff:
                fail("%s: differs, and is not listed" % name, diff)
            else:
                passed += 1
                if os.environ.get("VERBOSE"):
                    print("ok   %s" % name)
        else:
            entry = listed[name]
            used.update(entry["reasons"])
            unknown = [r for r in entry["reasons"] if not reasons.get(r)]
            if os.environ.get("BLESS"):
                entry["diff"] = diff
            if unknown or not entry["reasons"]:
                fail("%s: listed without a reason %s" % (name, unknown))
            elif not diff:
                fail("%s: listed, but there is no difference any more" % name)
            elif diff != entry["diff"]:
                fail("%s: differs otherwise than listed" % name, diff)
            else:
                passed += 1
                if os.environ.get("VERBOSE"):
                    print("known %s: %s" % (name, "; ".join(reasons[r] for r in entry["reasons"])))
    for name in sorted(set(listed) - set(theirs) - set(ours)):
        fail("%s: listed, but there is no such scenario" % name)
    for name in sorted(set(reasons) - used):
        fail("%s: a reason that no scenario has" % name)
    if os.environ.get("BLESS"):
        with open(path, "w") as f:
            json.dump(known, f, indent=1, ensure_ascii=False)
            f.write("\n")
    print("%d scenarios agree or differ as listed (%d listed)" % (passed, len(listed)))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if len(sys.argv) != 4:
    print(__doc__)
    sys.exit(2)
sys.exit(main(*sys.argv[1:]))
