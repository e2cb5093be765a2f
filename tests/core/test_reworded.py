"""What still stands, said again in today's words: to nobody but who hears it again and again."""

from dataclasses import replace

from collector.core import incidents
from collector.core.incident import Docket, Place
from tests.core.said import notice
from tests.core.thread import Thread, listed


def docket(thread: Thread) -> Docket:
    return Docket(incidents=tuple(thread.known.values()), places=thread.places)


def test_it_is_said_in_todays_words_and_nobody_is_paged() -> None:
    first, second = listed(1), listed(2)
    assert first.node_id is not None
    thread = Thread(places={first.node_id: Place(node="mta-1", pool="default")})
    (said,) = thread.opens(first, second)
    now = replace(first, text="listed for another reason")
    assert thread.opens(now) == []
    (again,) = incidents.reworded([said], [now, second], docket=docket(thread))
    assert again.what[0].startswith("listed for another reason [mta-1, pool default], since ")
    assert len(again.what) == 2
    assert replace(again, what=said.what) == said


def test_what_nobody_was_told_of_stays_unsaid_and_what_is_over_as_it_was() -> None:
    thread = Thread()
    (said,) = thread.opens(listed(1))
    (again,) = incidents.reworded([said], [listed(1), listed(2)], docket=docket(thread))
    assert len(again.what) == 1
    assert list(incidents.reworded([said], [], docket=docket(thread))) == [said]
    stranger = notice(99)
    assert list(incidents.reworded([stranger], [listed(1)], docket=docket(thread))) == [stranger]
