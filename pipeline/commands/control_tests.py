"""`core-alerts control test`: the tests that stand beside rules."""

from dataclasses import asdict

import typer

from pipeline.commands.context import (
    FAILED,
    WRONG_USAGE,
    ConfigOption,
    JsonOption,
    print_json,
    printable,
    say,
    settings_for,
)
from pipeline.commands.control_topic import FolderArgument


def test(
    context: typer.Context, folder: FolderArgument, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Run the tests of a folder of rules.

    A test is a document of kind test beside the rules of its tenant. Each of its steps is an alert that comes, or what
    must have become of the alert that was told of last: at a time after the test's start, in event time and under
    all rules of the tenant. What is otherwise is shown with the decisions that led to it. The exit code is 1 if a test
    fails, 2 if something is wrong in any file.

    \b
    Example:
      core-alerts control test rules/
    """  # noqa: D301
    settings = settings_for(context, config)
    from pipeline.app import defaults, periods
    from pipeline.control.folder import read_folder
    from pipeline.control.rule_tests_report import as_json as to_json
    from pipeline.control.rule_tests_report import lines_of
    from pipeline.control.rule_tests_run import run_folder

    found = read_folder(folder)
    for problem in found.problems:
        say(printable(str(problem)))
    if found.problems:
        if as_json:
            print_json({"problems": [asdict(problem) for problem in found.problems]})
        say(f"core-alerts: {len(found.problems)} problems in {folder}. No test was run; mend them first.")
        raise typer.Exit(WRONG_USAGE)
    results = run_folder(found, periods=periods(settings), defaults=defaults(settings))
    failed = sum(not result.passed for result in results)
    if as_json:
        print_json({"tests": [to_json(result) for result in results]})
    else:
        for result in results:
            for line in lines_of(result):
                typer.echo(printable(line))
    say(f"{len(results) - failed} of {len(results)} tests passed." if results else f"{folder} has no tests.")
    if failed:
        raise typer.Exit(FAILED)
