"""suspend, resume, cancel, retry, verify: each one patch that kubectl could have sent."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulation_cli import options, printing
from simulation_cli.exits import CalledWronglyError, ExitCode, NotConfirmedError
from simulation_cli.options import Output
from simulation_cli.verbs import Verb

if TYPE_CHECKING:
    from simulation_cli.acting import Result
    from simulation_cli.waiting import Came

NAMED_WHEN_ASKING = 5

HELP: Mapping[Verb, str] = {
    Verb.SUSPEND: """
        Let Simulations rest: nothing new is begun, what is under way is finished.

        \b
        kubectl simulation suspend spring-launch --wait
        kubectl simulation suspend --all -n marketing

        \b
        By kubectl alone:
        kubectl patch simulation NAME --type merge -p '{"spec":{"suspend":true}}'
        """,
    Verb.RESUME: """
        Let suspended Simulations go on. What becomes of records missed meanwhile, spec.missedRecords says.

        \b
        kubectl simulation resume spring-launch
        kubectl simulation resume -l team=growth --wait --timeout 2m

        \b
        By kubectl alone:
        kubectl patch simulation NAME --type merge -p '{"spec":{"suspend":false}}'
        """,
    Verb.CANCEL: """
        End Simulations for good: records stay in the CRM, counts in the cluster. Asks before, as it can't be undone.

        \b
        kubectl simulation cancel spring-launch
        kubectl simulation cancel -l campaign=spring --yes --wait

        \b
        By kubectl alone:
        kubectl patch simulation NAME --type merge -p '{"spec":{"cancel":true}}'
        """,
    Verb.RETRY: """
        Try failed records again; a Simulation that had ended is open again. --wait: until the operator has taken it up.

        \b
        kubectl simulation retry spring-launch
        kubectl simulation retry --all && kubectl simulation wait --all

        \b
        By kubectl alone:
        kubectl annotate simulation NAME --overwrite simulation-operator.dev/retry-failed=NEW-TOKEN
        """,
    Verb.VERIFY: """
        Compare the CRM with what was delivered, once a run has ended. Condition Verified has the answer.

        \b
        kubectl simulation verify spring-launch --wait

        \b
        By kubectl alone:
        kubectl annotate simulation NAME --overwrite simulation-operator.dev/verify=NEW-TOKEN
        """,
}

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask whether that is meant.")]
Command = Callable[..., None]


def register(app: typer.Typer, *, panel: str) -> None:
    for verb, text in HELP.items():
        command = _cancel if verb is Verb.CANCEL else _command(verb)
        app.command(verb.value, help=inspect.cleandoc(text), rich_help_panel=panel)(command)


def _command(verb: Verb) -> Command:
    def command(  # noqa: PLR0913 - a command's options are its parameters
        names: options.Names = None,
        *,
        selector: options.Selector = None,
        all_: options.All = False,
        wait: options.Wait = False,
        timeout: options.Timeout = None,
        output: options.As = Output.TEXT,
        namespace: options.Namespace = None,
        context: options.Context = None,
        kubeconfig: options.Kubeconfig = None,
    ) -> None:
        _run(verb, _Call(names, selector, all_, wait, timeout, output), (namespace, context, kubeconfig))

    return command


def _cancel(  # noqa: PLR0913
    names: options.Names = None,
    *,
    selector: options.Selector = None,
    all_: options.All = False,
    yes: Yes = False,
    wait: options.Wait = False,
    timeout: options.Timeout = None,
    output: options.As = Output.TEXT,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    _run(Verb.CANCEL, _Call(names, selector, all_, wait, timeout, output, confirm=not yes), (namespace, context, kubeconfig))


@dataclass(frozen=True)
class _Call:
    names: list[str] | None
    selector: str | None
    all: bool
    wait: bool
    timeout: str | None
    output: Output
    confirm: bool = False

    def say(self, sentence: str, code: ExitCode) -> None:
        """At once: the next one may take its time, or fail."""
        if self.output is Output.TEXT:
            typer.echo(sentence, err=bool(code))


def _run(verb: Verb, call: _Call, where: tuple[str | None, str | None, Path | None]) -> None:
    """Ends with the first code that isn't DONE; whatever was done until an error is said before it."""
    from simulation_cli import acting  # noqa: PLC0415 - see the package
    from simulation_cli.choosing import Choice  # noqa: PLC0415
    from simulation_cli.cluster import Where, connected  # noqa: PLC0415

    if call.timeout is not None and not call.wait:
        raise CalledWronglyError("--timeout is how long --wait waits: add --wait, or leave it out")
    timeout_seconds = options.seconds(call.timeout)
    choice = Choice(tuple(call.names or ()), call.selector, call.all)
    results: list[Result] = []
    came: list[Came] = []
    with connected(Where(*where)) as cluster, printing.interruptible():
        intended = acting.intents(cluster, verb, choice)
        if call.confirm:
            _confirm(acting.to_ask(intended))
        try:
            for result in acting.carry_out(cluster, verb, intended, by_name=choice.by_name):
                results.append(result)
                call.say(result.sentence, result.exit_code)
            if call.wait:
                for each in acting.wait_for(cluster, results, timeout_seconds=timeout_seconds):
                    came.append(each)
                    call.say(each.sentence, acting.code_of(each))
        finally:
            if call.output is Output.JSON:
                printing.print_json({"results": [result.as_json(came) for result in results]})
    if not results:
        typer.echo("no Simulation is chosen by that: nothing was changed", err=True)
    codes = [*(result.exit_code for result in results), *(acting.code_of(each) for each in came)]
    raise typer.Exit(next((code for code in codes if code), ExitCode.DONE))


def _confirm(names: list[str]) -> None:
    if not names:
        return
    if not sys.stdin.isatty():
        raise CalledWronglyError("this can't be undone, and nobody can be asked here: add --yes")
    others = f" and {len(names) - NAMED_WHEN_ASKING} others" if len(names) > NAMED_WHEN_ASKING else ""
    if not typer.confirm(f"End {', '.join(names[:NAMED_WHEN_ASKING])}{others} for good?", err=True):
        raise NotConfirmedError("nothing was changed")
