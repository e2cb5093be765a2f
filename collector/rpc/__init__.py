"""The gRPC faces: enrolment, the fleet stream. This file is run before gRPC is imported.

gRPC wakes a thread of its event engine for every event; with thousands of streams that rarely
speak, that is a third of a message's CPU. The poller it had before leaves the work to the thread
that waits for it. The choice is read from the environment, once, when gRPC is imported.
"""

import os

POLLER = "-event_engine_client,-event_engine_listener,-event_engine_for_all_other_endpoints"

os.environ.setdefault("GRPC_EXPERIMENTS", POLLER)
