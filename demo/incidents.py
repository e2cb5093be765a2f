"""What can be played in the demo, and what one should see. Words only, read by the command line."""

from collections.abc import Mapping

LASTS_SECONDS = 60.0
CALM = "calm"

EXPECT: Mapping[str, tuple[str, ...]] = {
    "spamhaus": (
        "198.51.100.5 (node-05) is now listed on zen.spamhaus.org (127.0.0.2, SBL).",
        "Watch: the node's sweep finds it, the collector looks itself, node-05 is paused",
        "and falls silent; after the delisting it comes back by itself.",
        "Ask: mailfleet why node-05",
    ),
    "node-dead": (
        "The agent of node-07 was killed.",
        "Watch: late, then unhealthy after three missed heartbeats, out of the rotation;",
        "back after two heartbeats in a row. Ask: mailfleet why node-07",
    ),
    "resolver-refused": (
        "zen.spamhaus.org now refuses every question (127.255.255.254), as it does to public",
        "resolvers. A naive checker would pause the whole fleet.",
        "Watch: unknown neither lists nor clears; nobody is paused; after a while: blind.",
        "Ask: mailfleet status; mailfleet why node-05",
    ),
    "list-gone-mad": (
        "zen.spamhaus.org now lists the whole world, its own test point 127.0.0.1 too.",
        "Watch: the sentinel is wrong, the zone is quarantined, nobody is paused.",
        "Ask: mailfleet status; mailfleet why node-05",
    ),
    "mass-listing": (
        "Half the fleet is now listed (127.0.0.3, CSS), and the zone's sentinels are right.",
        "Watch: the zone brake holds its pauses, puts back the first ones, and alerts.",
        "Ask: mailfleet why node-03",
    ),
}
