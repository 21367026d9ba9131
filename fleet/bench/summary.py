"""Measures `softoff fleet summary` against DuckDB, which carries out the same statement over the same files.

Both run one after the other, round by round, so that whatever else the machine does hits both, and the ratio is the
median of the rounds' ratios. A first round, in which the files come into memory, does not count. softoff is timed as
a whole process, with its start and its tables; DuckDB from opening its database to the last row, without Python's
start. Both may use all processors and the same memory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

DUCKDB = """
import json, sys, time
import duckdb
files, sql, memory, threads = sys.argv[1:5]
start = time.perf_counter()
db = duckdb.connect()
db.execute(f"SET memory_limit = '{memory}MiB'; SET threads = {threads}; SET TimeZone = 'UTC'; SET enable_progress_bar = false")
db.execute(f"CREATE VIEW episodes AS SELECT * FROM read_parquet('{files}')")
rows = db.execute(sql).fetchall()
seconds = time.perf_counter() - start
shutdowns = sum(row[4] for row in rows)
timed = sum(row[4] for row in rows if row[3] is not None)
censored = sum(row[4] for row in rows if row[3] is not None and row[2])
print(json.dumps({"seconds": seconds, "count": shutdowns, "timed": timed, "censored": censored, "version": duckdb.__version__}))
"""


def run(command):
    """The output of a command, its wall time in seconds and its largest memory in MiB."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{command[0]} ended with {child.returncode}")
    return output, time.perf_counter() - start, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fleet", help="the program softoff-fleet")
    parser.add_argument("store", help="where the made-up fleet is, or is to be")
    parser.add_argument("--millions", type=int, default=100, help="how many million episodes (100)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--by", default="cause")
    parser.add_argument("--memory", type=int, default=2048, help="MiB for each engine (2048)")
    arguments = parser.parse_args()
    store = os.path.join(arguments.store, f"{arguments.millions}-million")
    if not os.path.exists(os.path.join(store, "synthetic-truth.json")):
        # Twenty files a million: neither engine should be measured by how it opens files.
        size = ["--hosts", "10", "--days", str(2 * arguments.millions), "--per-day", "50000"]
        _, seconds, _ = run([arguments.fleet, "synth", *size, "--seed", "1", "--store", store])
        print(f"synth: {arguments.millions} million episodes in {seconds:.1f} s")
    summary = [arguments.fleet, "summary", "--store", store, "--by", arguments.by]
    sql = run([*summary, "--sql"])[0]
    threads = str(os.cpu_count())
    duckdb = [sys.executable, "-c", DUCKDB, f"{store}/*/*/*.parquet", sql, str(arguments.memory), threads]
    ours, theirs, memory, their_memory = [], [], 0, 0
    for number in range(arguments.rounds + 1):
        output, seconds, largest = run([*summary, "--format", "json", "--limit", "1000000", "--memory", str(arguments.memory)])
        found = json.loads(output)["all"] if arguments.by != "phase" else None
        output, _, their_largest = run(duckdb)
        expected = json.loads(output)
        if found and any(found[key] != expected[key] for key in ("count", "timed", "censored")):
            sys.exit(f"the engines disagree: {found} and {expected}")
        memory, their_memory = max(memory, largest), max(their_memory, their_largest)
        print(f"round {number}: softoff {seconds:.2f} s, DuckDB {expected['seconds']:.2f} s", flush=True)
        if number > 0:
            ours.append(seconds)
            theirs.append(expected["seconds"])
    ratio = statistics.median(our / their for our, their in zip(ours, theirs))
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    print(f"summary --by {arguments.by} over {arguments.millions} million episodes, {threads} processors, medians of {arguments.rounds}:")
    print(f"  softoff {ours:.2f} s (at most {memory:.0f} MiB), DuckDB {expected['version']} {theirs:.2f} s (at most {their_memory:.0f} MiB)")
    print(f"  ratio {ratio:.2f} (median of the rounds' ratios)")


main()
