"""The command line: `brevdue serve`, `check`, `status`, `demo`, `version`, and the groups that manage what is stored.

Exit status 0 when done, 1 with a sentence on standard error when not, 2 for a command that cannot be understood.
Modules that take long to import are imported by the commands that need them.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from brevdue.console import DEFAULT, CommandError, Options, complain, say


def version_text() -> str:
    """The installed version."""
    from importlib.metadata import version

    return version("brevdue")


app = App(name="brevdue", help="Carries mail to phones and answers back.", version=version_text)
app.command("brevdue.cli_keys:org", name="org", help="Organisations: those whose people write.")
app.command("brevdue.cli_keys:key", name="key", help="Keys: what accounts hang under.")
app.command("brevdue.cli_accounts:account", name="account", help="Accounts: one mail address, one phone number.")
app.command("brevdue.cli_accounts:number", name="number", help="The pool of phone numbers.")
app.command("brevdue.cli_providers:provider", name="provider", help="SMS providers: do they answer, what do they cost.")
app.command("brevdue.cli_keywords:keyword", name="keyword", help="First words of SMS to an organisation's number.")
app.command(
    "brevdue.cli_admin:admin", name="admin", help="People who sign in to the web pages: links that let them in."
)
app.command("brevdue.cli_optouts:optout", name="optout", help="Phones that have said STOP: which, to whom, when.")
app.command("brevdue.cli_person:person", name="person", help="One person's data: export it, erase it.")
app.command("brevdue.cli_status:status", name="status", help="How the gateway stands: queues, rates, problems.")
app.command("brevdue.cli_messages:message", name="message", help="Messages: what came, what left, and why not.")
app.command("brevdue.cli_webhooks:webhook", name="webhook", help="Webhooks: who is called when something happens.")
app.command("brevdue.cli_campaigns:campaign", name="campaign", help="Campaigns: one text to many, from one account.")
app.command("brevdue.cli_contacts:contact", name="contact", help="Contacts: people that one writes to.")
app.command("brevdue.cli_routes:route", name="route", help="Routes: which provider carries what.")


@app.command
def serve(
    *,
    workers: Annotated[
        int, Parameter(validator=Number(gte=1, lte=64), help="Processes that share the ports and the work.")
    ] = 1,
    roles: Annotated[str, Parameter(help="What it does, of these; for a gateway spread over machines.")] = (
        "smtp,http,sms,mail,schedule"
    ),
    options: Options = DEFAULT,
) -> int:
    """Run the gateway until it is told to stop (SIGTERM or Ctrl-C)."""
    gc.disable()  # nothing that a start makes is garbage; `brevdue.garbage` switches it on
    from brevdue.settings import find_file, load

    settings = load(find_file(options.config, os.environ), os.environ)
    from brevdue.workers import Workers, is_worker

    if workers > 1 and not is_worker():
        from gateway import maillog

        maillog.configure(as_json=settings.log.format == "json", level=settings.log.level)
        return Workers(workers, [sys.executable, "-m", "brevdue.cli", *sys.argv[1:]]).run()
    import uvloop

    from brevdue.administration import in_a_sentence
    from brevdue.app import serve as run
    from brevdue.roles import read_roles

    with in_a_sentence():
        uvloop.run(run(settings, read_roles(roles)))
    return 0


@app.command
def check(*, options: Options = DEFAULT) -> int:
    """Read the configuration, try to write where it keeps things, and explain every mistake."""
    from brevdue.places import unusable
    from brevdue.settings import ConfigurationError, find_file, load

    try:
        file = find_file(options.config, os.environ)
        mistakes = tuple(unusable(load(file, os.environ), str(file or "defaults")))
    except ConfigurationError as error:
        mistakes = error.mistakes
    if not mistakes:
        say("configuration fine", [], options)
        return 0
    if not options.json:
        raise ConfigurationError(mistakes)
    say("", [{"where": item.where, "key": item.key, "text": item.text} for item in mistakes], options)
    return 1


@app.command
def demo(*, once: Annotated[bool, Parameter(negative=(), help="End after the round trip.")] = False) -> None:
    """Show a mail become an SMS, and the answer a mail; then keep serving."""
    import uvloop

    from brevdue.administration import in_a_sentence
    from brevdue.demo import demo as run

    with in_a_sentence():
        uvloop.run(run(once=once))


@app.command
def version(*, options: Options = DEFAULT) -> None:
    """Print the version."""
    say(version_text(), {"version": version_text()}, options)


def run(arguments: list[str]) -> int:
    """Do one command and return its exit status. Every failure becomes a sentence."""
    try:
        status = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        complain(str(error))
        return 2
    except BrokenPipeError:  # whoever read us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _failed(error)
    return status if isinstance(status, int) else 0


def _failed(error: Exception) -> int:
    from brevdue.settings import ConfigurationError

    if isinstance(error, ConfigurationError):
        for mistake in error.mistakes:
            print(mistake, file=sys.stderr)  # as compilers do, for editors to follow
    elif isinstance(error, CommandError):
        complain(str(error))
    elif isinstance(error, OSError):
        complain(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
    else:
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{Path(place.filename).name}:{place.lineno}"
        complain(f"this should not have happened ({at}): {type(error).__name__}: {error}")
    return 1


def main() -> None:
    """Run the command that the process was started with."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
