"""Who of the made-up people is in which system, and the few whose story the demo tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from demo.people import Contact, people, shouted

PARTIES = 300  # made-up people and companies in the ERP; the old shop knows some more
STRANGERS = 40
MEMBERS = 140
NAMESAKES = 5  # different people of one name, in other towns: more would be odd among so few
SYLLABLES = ("ba", "co", "di", "fe", "gu", "la", "mo", "ni", "pe", "ru")
TWICE_EVERY = 25  # of the ERP's people one is there twice
NEW_MOBILE = "+351913555019"  # of the person who is everywhere, known to nobody before the form

NEWCOMER = Contact(
    number=-1,
    country="PT",
    given="Matilde",
    family="Sampaio Nóbrega",
    company="",
    email="matilde.nobrega@example.org",
    mobile="+351914440123",
    landline="",
    street="",
    postcode="",
    city="",
    region="",
    tax_id="",
    tax_type="",
)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is where, and who is who.

    twice       those whom the ERP holds a second time, in capitals and without e-mail
    listed      subscribed to the newsletter
    everywhere  in all four systems, and each knows something else: the mobile number only the form
    subscriber  a customer who signs up for the newsletter by the form
    leaver      a member who leaves the newsletter by the form
    two_edits   somebody of whom the ERP and the old shop learn different things at once
    clash       a company whose website is changed in the ERP and in the old shop at once
    newcomer    whom nobody knows until she fills in the form
    """

    erp: list[Contact]
    twice: list[Contact]
    shop: list[Contact]
    listed: list[Contact]
    everywhere: Contact
    subscriber: Contact
    leaver: Contact
    two_edits: Contact
    clash: Contact
    newcomer: Contact = NEWCOMER


def make_cast() -> Cast:
    known = list(islice(_mostly_different_names(), PARTIES + STRANGERS))
    portuguese = [each for each in known if each.country == "PT" and each.given]
    everywhere, leaver, two_edits = portuguese[:3]
    subscriber = next(each for each in known if each.country == "ES" and each.given)
    clash = next(each for each in known if each.country == "PT" and each.company)
    told = (everywhere, leaver, two_edits, subscriber, clash)
    others = [each for each in known if each not in told]
    erp = known[:PARTIES]
    hazy = replace(everywhere, mobile="", landline="+351222014477")
    return Cast(
        erp=[replace(hazy, email="") if each is everywhere else each for each in erp],
        twice=[shouted(each) for each in erp if each in others][::TWICE_EVERY],
        shop=[hazy, leaver, two_edits, clash, *others[1 : PARTIES - len(told) : 4], *others[PARTIES - len(told) :]],
        listed=[everywhere, leaver, *(each for each in others if each.given and each.number % 5 < 3)][:MEMBERS],
        everywhere=everywhere,
        subscriber=subscriber,
        leaver=leaver,
        two_edits=two_edits,
        clash=clash,
    )


def _mostly_different_names() -> Iterator[Contact]:
    homes: dict[tuple[str, str], str] = {}
    spared = NAMESAKES
    for each in people(5 * (PARTIES + STRANGERS)):
        if (each.country, each.name) in homes:
            if not spared or not each.given or each.postcode == homes[each.country, each.name]:
                continue
            spared -= 1
        homes[each.country, each.name] = each.postcode
        yield replace(each, email=_at_home(each)) if each.given else each


def _at_home(person: Contact) -> str:
    """An address at a domain of the person's own: one domain for all would look like one employer."""
    domain = "".join(SYLLABLES[int(digit)] for digit in reversed(f"{person.number:03d}"))
    return f"{person.email.partition('@')[0]}@{domain}.example"
