"""A Python client of the hub's API: `from hub.client import Client`.

    with Client("https://hub.example.org", token) as hub:
        for contact in hub.search("ann bak"):
            print(contact["name"])
        for match in hub.lookup(phone="+351 912 345 678"):
            hub.log(match["id"], "call.answered", channel="call", summary="asked for the invoice")

Answers are what the API sends, as typed dictionaries. A problem is raised as `Problem`, by its kind. Lists are read
page by page while they are taken. What creates something has an idempotency key, and is sent again with it when the
connection broke off: it is done once.
"""

from hub.client.calls import Client
from hub.client.problems import (
    Busy,
    ChangedMeanwhile,
    NotAllowed,
    NotReachable,
    NotThere,
    NotValid,
    Overtaken,
    Problem,
)

__all__ = [
    "Busy",
    "ChangedMeanwhile",
    "Client",
    "NotAllowed",
    "NotReachable",
    "NotThere",
    "NotValid",
    "Overtaken",
    "Problem",
]
