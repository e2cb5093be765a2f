"""Which sending domains' counts go with a heartbeat: a few with each, none for ever."""

from agent.details_senders import SenderNews
from agent.model import SenderCount
from agent.report import SENDER_BYTES_MAX


def test_news_take_turns_and_go_again_until_acknowledged() -> None:
    news = SenderNews()
    every = [SenderCount(domain=f"d{k}.example", sent=200 + k, first_sent=9) for k in range(90)]
    news.add(every)
    seen: set[str] = set()
    for number in range(1, 16):
        chosen = news.choose(number, whole=False)
        assert sum(len(one.domain) + 5 for one in chosen) < SENDER_BYTES_MAX
        if number != 2:  # it was lost
            news.acknowledged(number)
            seen |= {one.domain for one in chosen}
    assert seen == {one.domain for one in every}
    assert news.choose(16, whole=False) == ()
    news.add(every[:2])
    (*_, last) = news.choose(17, whole=False)
    news.add([SenderCount(domain=last.domain, sent=999)])
    news.acknowledged(17)
    assert [one.sent for one in news.choose(18, whole=False)] == [999]
    news.add(every)
    assert len(news.choose(19, whole=True)) == 90
