"""`python -m demo`: one collector, a dozen agents, and a world to try them in. Ctrl-C ends it."""

import contextlib
import shutil
import signal
import sys
import time
from pathlib import Path

import anyio
import uvloop

from collector.core.channels import Webhook
from deliverability.catalogue import CATALOGUE
from demo import channel, pace
from demo.dns import DnsServer
from demo.fleet import Fleet, Node
from demo.inbox import Inbox
from demo.incidents import EXPECT
from demo.processes import ChildError
from demo.stories import Stage
from demo.world import World

FOLDER = Path(".run/demo")
NODES = 12


def main() -> None:
    sys.exit(anyio.run(run, backend_options={"loop_factory": uvloop.new_event_loop}))


async def run() -> int:
    """Brings everything up, says what to type, and waits for Ctrl-C. The exit status."""
    begun = time.monotonic()
    folder = await anyio.Path(FOLDER).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    print(f"demo policy, default in brackets: {pace.stated()}; same rules, same ratios")
    inbox = Inbox(Path(folder) / "notices.jsonl")
    told = Webhook(name="demo", url=inbox.url)
    async with DnsServer(CATALOGUE.enabled()) as dns:
        fleet = Fleet(
            Path(folder),
            nameserver=dns.address,
            policy=pace.DEMO,
            channels=[told],
            zones=None,
        )
        try:
            with World(fleet.folder, sockets=fleet.sockets, dns=dns).closing() as world:
                async with inbox.serving():
                    problem = await _play(fleet, world, begun=begun)
        finally:
            await fleet.stop()
            print("demo: stopped")
    if problem:
        print(f"demo: {problem}", file=sys.stderr)
    return 1 if problem else 0


async def _play(fleet: Fleet, world: World, *, begun: float) -> str:
    """Until interrupted: ""; or what went wrong."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_until_interrupted, tasks.cancel_scope)
        nodes = {node.name: node for node in map(world.node, range(1, NODES + 1))}
        tasks.start_soon(world.run)
        try:
            await _bring_up(fleet, list(nodes.values()))
        except ChildError as error:
            tasks.cancel_scope.cancel()
            return str(error)
        stage = Stage(fleet, world, nodes=nodes, tasks=tasks)
        tasks.start_soon(channel.serve, fleet.folder / "demo.sock", stage.play)
        _say(fleet, time.monotonic() - begun)
        await anyio.sleep_forever()
    return ""


async def _bring_up(fleet: Fleet, nodes: list[Node]) -> None:
    await fleet.found()
    await fleet.start_collector()
    await fleet.automate("default", value="act")
    await fleet.bring_up(nodes)


async def _until_interrupted(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            print("\ndemo: stopping")
            scope.cancel()
            return


def _say(fleet: Fleet, seconds: float) -> None:
    mailfleet = Path(sys.executable).with_name("mailfleet")
    with contextlib.suppress(ValueError):
        mailfleet = mailfleet.relative_to(Path.cwd())
    print(
        f"ready after {seconds:.1f} s: one collector, {NODES} agents. In a second terminal:\n\n"
        f"  export MAILFLEET_CONTEXT={fleet.context_file}\n"
        f"  {mailfleet} status -w\n"
        f"  {mailfleet} demo incident spamhaus    (or {', '.join(list(EXPECT)[1:])})\n"
        f"  {mailfleet} why node-05\n"
        f"  {mailfleet} alert ls\n\n"
        f"What people are told comes here, and whole into {fleet.folder / 'notices.jsonl'}.\n"
        "Ctrl-C ends it.",
        flush=True,
    )


if __name__ == "__main__":
    main()
