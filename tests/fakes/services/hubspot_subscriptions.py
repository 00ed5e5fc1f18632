"""HubSpot's subscriptions: who gets which kind of mail."""

from __future__ import annotations

from typing import Any

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Service, route
from tests.fakes.services.hubspot_rules import OPT_OUT, fields_of, invalid, not_found, stamp


class Subscriptions(Service):
    """Somebody who opted out himself is not subscribed again."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.subscriptions = {"101": "Newsletter"}
        self.state |= {"subscribed": {}, "opted out": set()}

    @property
    def subscribed(self) -> dict[tuple[str, str], str]:
        """(address, subscription) → SUBSCRIBED or NOT_SUBSCRIBED."""
        found: dict[tuple[str, str], str] = self.state["subscribed"]
        return found

    def opt_out(self, email: str, subscription: str = "101") -> None:
        """The person does it, by the link in a mail."""
        self.subscribed[email, subscription] = "NOT_SUBSCRIBED"
        self.told(email)
        self.state["opted out"].add((email, subscription))

    def told(self, email: str) -> None:
        """A consent changed: contacts show it."""
        raise NotImplementedError

    def opt_outs(self, email: str) -> dict[str, str]:
        """As properties of a contact: of each subscription that was ever set, and of all mail."""
        said = {key: self.subscribed[email, key] for key in self.subscriptions if (email, key) in self.subscribed}
        shown = {f"{OPT_OUT}_{key}": "true" if each == "NOT_SUBSCRIBED" else "false" for key, each in said.items()}
        out_of_all = len(said) == len(self.subscriptions) and set(said.values()) == {"NOT_SUBSCRIBED"}
        return shown | ({OPT_OUT: "true"} if out_of_all else {})

    @route("GET", "/communication-preferences/v3/definitions")
    def definitions(self, call: Call) -> Answer:
        at = stamp(self.clock())
        usual = {"isInternal": False, "isDefault": False, "isActive": True, "createdAt": at, "updatedAt": at}
        rows = [{"id": key, "name": name, "description": name, **usual} for key, name in self.subscriptions.items()]
        return Answer(200, {"subscriptionDefinitions": rows})

    @route("GET", "/communication-preferences/v3/status/email/{email}")
    def status(self, call: Call, email: str) -> Answer:
        rows = [self._subscription(email.lower(), key) for key in self.subscriptions]
        return Answer(200, {"recipient": email.lower(), "subscriptionStatuses": rows})

    @route("POST", "/communication-preferences/v3/{verb}")
    def subscribe(self, call: Call, verb: str) -> Answer:
        body = fields_of(call.json, {"emailAddress", "subscriptionId", "legalBasis", "legalBasisExplanation"})
        key = (body["emailAddress"].lower(), body["subscriptionId"])
        if body["subscriptionId"] not in self.subscriptions or verb not in {"subscribe", "unsubscribe"}:
            raise not_found()
        wanted = "SUBSCRIBED" if verb == "subscribe" else "NOT_SUBSCRIBED"
        if wanted == "SUBSCRIBED" and key in self.state["opted out"]:
            raise invalid("The contact has opted out of this subscription and cannot be subscribed again.")
        if self.subscribed.get(key) == wanted:
            raise invalid(f"The contact is already {wanted}.")
        self.subscribed[key] = wanted
        self.told(key[0])
        return Answer(200, self._subscription(*key))

    def _subscription(self, email: str, key: str) -> dict[str, Any]:
        status = self.subscribed.get((email, key), "NOT_SUBSCRIBED")
        said = dict.fromkeys(("name", "description"), self.subscriptions[key])
        return {"id": key, **said, "status": status, "sourceOfStatus": "SUBSCRIPTION_STATUS"}
