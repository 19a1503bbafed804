"""What a portal lacks concerns the run that names it, and no other."""

from __future__ import annotations

from uuid import UUID

from simulation_core.ledger.portals import PortalProblem, run_on
from simulation_core.portals import Portals
from simulation_core.reasons import Reason
from simulation_operator.progress import Facts, ProgressLoop
from simulation_operator.status import Problem

RUN, OTHER = UUID(int=1), UUID(int=2)
LACKING = PortalProblem(portal=run_on("default", RUN), reason=Reason.NOT_IN_PORTAL, message="no owner 5", since_ms=0, until_ms=0)
FACTS = Facts(progress={}, portal_problems={LACKING.portal: LACKING}, accounts={}, queue_problem=None, portals=Portals({}))


def test_it_is_shown_for_the_run_alone() -> None:
    assert ProgressLoop._of_run("default", RUN, FACTS) == [Problem(Reason.NOT_IN_PORTAL, "no owner 5")]
    assert ProgressLoop._of_run("default", OTHER, FACTS) == []
