"""tester.py URL AUTHORIZATION: every check of scim2-tester on a server, as one JSON object: how many ended how, and what was not
a success. Judging is left to the caller."""

import collections
import json
import sys

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server

url, authorization = sys.argv[1:]
client = SyncSCIMClient(httpx2.Client(base_url=url, headers={"Authorization": authorization}))
client.discover()
results = check_server(client)
print(
    json.dumps(
        {
            "counts": collections.Counter(r.status.name for r in results),
            "titles": len({r.title for r in results}),
            "rest": [
                {"status": r.status.name, "title": r.title, "reason": (r.reason or "")[:400]}
                for r in results
                if r.status.name not in ("SUCCESS", "COMPLIANT")
            ],
        }
    )
)
