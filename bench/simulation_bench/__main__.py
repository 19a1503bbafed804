"""`python -m simulation_bench [SECTION …]`: measures, prints a table, and updates bench/results.json section by section."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from simulation_bench import drain, exactness, growth, hubspot, lateness, results, schedule, status
from simulation_bench.figures import Figure
from simulation_bench.machine import machine

Say = Callable[[str], None]
Section = Callable[[Say], Mapping[str, Figure]]

SECTIONS: Mapping[str, Section] = {
    "growth": growth.figures,
    "schedule": schedule.figures,
    "lateness": lateness.figures,
    "drain": drain.figures,
    "horizon": schedule.horizon,
    "exactness": exactness.figures,
    "hubspot": hubspot.figures,
    "status": status.figures,
}


def say(what: str) -> None:
    print(f"bench: {what}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="Measures sections and writes bench/results.json.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)} [all]")
    wanted = parser.parse_args().sections or list(SECTIONS)
    if unknown := [section for section in wanted if section not in SECTIONS]:
        parser.error(f"no section {', '.join(unknown)}: there are {', '.join(SECTIONS)}")
    for section in wanted:
        figures = SECTIONS[section](say)
        results.write(results.updated(results.read(), section, figures, machine()))
        print("\n".join(results.table(section, figures)), flush=True)


if __name__ == "__main__":
    main()
