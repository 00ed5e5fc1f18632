"""The tables. Times are epoch seconds UTC; JSON is text written by orjson, the same on every database."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

RowId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only for INTEGER

connection_state = Table(
    "connection_state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("cursor", Text),
    Column("started_at", Float),  # first sync approved; NULL: it still stops at a plan
    Column("full_at", Float),  # last complete listing
    Column("ok_at", Float),  # last complete run
    Column("allowed", Text),  # what a person approved beyond the limits, until a run completes
    Column("paused", Text),  # reason
    Column("mapping", Text),  # digest of the one that the last run read by; NULL: never run
    Column("remapped", BigInteger, nullable=False, server_default="0"),  # 1: not all is read and compared by it yet
    Column("population", BigInteger, nullable=False, server_default="0"),  # records there, as of the last run
    Column("lease_owner", Text),
    Column("lease_token", BigInteger, nullable=False, server_default="0"),
    Column("lease_until", Float, nullable=False, server_default="0"),
)

run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("status", Text, nullable=False),  # running | done | held | failed | interrupted
    Column("counts", Text),
    Column("error", Text),
    Column("first_change", BigInteger),  # what it wrote into `change` has greater numbers than this,
    Column("last_change", BigInteger),  # and none above this; NULL: it has not ended
    Column("progress", Text),  # how far it is, while it is under way: hub.sync.progress
    Column("stopped_by", Text),  # who has asked it to end after its page
    Index("run_by_connection", "connection", "started_at"),
    Index("run_by_start", "started_at", "id"),
)
Index(
    "run_under_way",
    run.c.connection,
    sqlite_where=run.c.status == "running",
    postgresql_where=run.c.status == "running",
)

record = Table(
    "record",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # from `counter`
    Column("connection", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("golden_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("fingerprint", LargeBinary),
    Column("version", Text),
    Column("changed", Float, nullable=False),
    Column("fields", Text, nullable=False),  # the shadow: canonical fields as the system holds them
    Column("side", Text),  # told, own, since, echo: see hub.sync.link
    Column("features", Text),  # what matching sees of it: see hub.dedupe.features
    Column("run_id", Text),
    UniqueConstraint("connection", "external_id"),
    Index("record_by_golden", "golden_id"),
)
Index(
    "record_in_doubt",
    record.c.connection,
    record.c.state,
    sqlite_where=record.c.state != "live",
    postgresql_where=record.c.state != "live",
)

counter = Table(
    "counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

golden = Table(
    "golden",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),  # live | archived | deleted | merged
    Column("merged_into", Text),
    Column("version", BigInteger, nullable=False),
    Column("fields", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)
Index(
    "golden_by_heir",
    golden.c.merged_into,
    sqlite_where=golden.c.merged_into.is_not(None),
    postgresql_where=golden.c.merged_into.is_not(None),
)

pin = Table(
    "pin",
    metadata,
    Column("golden_id", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", Text),
    Column("person", Text, nullable=False),
    Column("at", Float, nullable=False),
    PrimaryKeyConstraint("golden_id", "field"),
)

match_key = Table(
    "match_key",
    metadata,
    Column("key", BigInteger, nullable=False),
    Column("record_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("key", "record_id"),
    sqlite_with_rowid=False,
)

recent_key = Table(  # the same, of the last records: see hub.store.keys
    "recent_key",
    metadata,
    Column("key", BigInteger, nullable=False),
    Column("record_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("key", "record_id"),
    sqlite_with_rowid=False,
)

name_count = Table(
    "name_count",
    metadata,
    Column("word", Text, primary_key=True),
    Column("records", BigInteger, nullable=False),  # that came with this word in their name
)

hot_key = Table("hot_key", metadata, Column("key", BigInteger, primary_key=True, autoincrement=False))

verdict = Table(
    "verdict",
    metadata,
    Column("record_a", BigInteger, nullable=False),
    Column("record_b", BigInteger, nullable=False),
    Column("answer", Text, nullable=False),  # same | different
    Column("person", Text, nullable=False),
    Column("at", Float, nullable=False),
    PrimaryKeyConstraint("record_a", "record_b"),
    Index("verdict_by_b", "record_b"),
)

ask = Table(
    "ask",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("record_a", BigInteger, nullable=False),
    Column("record_b", BigInteger, nullable=False),
    Column("weight", Float, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("state", Text, nullable=False),  # open | same | different | settled | withdrawn
    Column("run_id", Text),
    UniqueConstraint("record_a", "record_b"),
    Index("ask_open", "state"),
    Index("ask_by_b", "record_b"),
    Index("ask_by_run", "run_id"),
)

model = Table(
    "model",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # version, from 1
    Column("at", Float, nullable=False),
    Column("origin", Text, nullable=False),  # what it was made from, and by whom, for people to read
    Column("document", Text, nullable=False),  # hub.dedupe.train.as_document
    Column("active", Integer, nullable=False),  # 1: the one that matching uses; all 0: the shipped one
)

queue = Table(
    "queue",
    metadata,
    Column("connection", Text, nullable=False),
    Column("golden_id", Text, nullable=False),
    Column("op", Text, nullable=False),  # sync | delete | archive
    Column("queued_at", Float, nullable=False),
    Column("optout_at", Float),  # an opt-out waits since then
    Column("next_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("run_id", Text),
    Column("agreed", Integer, nullable=False, server_default="0"),  # 1: a person has approved just this one
    PrimaryKeyConstraint("connection", "golden_id"),
    Index("queue_by_golden", "golden_id"),
)

owed_link = Table(  # contacts that a system could not link to their company yet: see hub.store.owed
    "owed_link",
    metadata,
    Column("record_id", BigInteger, nullable=False),
    Column("field", Text, nullable=False),  # canonical
    Column("connection", Text, nullable=False),
    Column("name", Text, nullable=False),  # hash of the company's
    Column("found", Integer, nullable=False),  # 1: it is there now, and the name is to be written again
    Column("tries", Integer, nullable=False),
    Column("due_at", Float, nullable=False),
    PrimaryKeyConstraint("record_id", "field"),
    Index("owed_link_due", "connection", "due_at"),
    Index("owed_link_by_name", "name"),
)

declined = Table(  # writes that a person refused, until the contact changes
    "declined",
    metadata,
    Column("connection", Text, nullable=False),
    Column("golden_id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),  # of the golden record that was refused
    Column("person", Text, nullable=False),
    Column("at", Float, nullable=False),
    PrimaryKeyConstraint("connection", "golden_id"),
)

intent = Table(
    "intent",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("connection", Text, nullable=False),
    Column("golden_id", Text, nullable=False),
    Column("record_id", BigInteger),
    Column("op", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload", Text, nullable=False),  # canonical, in golden's terms
    Column("hash", Text, nullable=False),  # of the source fields sent
    Column("at", Float, nullable=False),
    Column("run_id", Text),
    Index("intent_by_golden", "connection", "golden_id"),
)

conflict = Table(
    "conflict",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("run_id", Text),
    Column("connection", Text, nullable=False),
    Column("golden_id", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("rule", Text, nullable=False),
    Column("claims", Text, nullable=False),
    Column("winner", Text, nullable=False),
    Column("diff", Text, nullable=False),
    Column("told", Text, nullable=False),
    Column("state", Text, nullable=False),  # open | overturned | accepted
    Index("conflict_by_golden", "golden_id"),
    Index("conflict_open", "state"),
    Index("conflict_by_run", "run_id"),
    Index("conflict_by_time", "at", "field", "connection", "state"),
)

parked = Table(
    "parked",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("connection", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("stage", Text, nullable=False),  # read | map | write | unknown
    Column("reason", Text, nullable=False),
    Column("original", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("state", Text, nullable=False),  # open | retry | resolved | dropped
    Column("run_id", Text),
    Column("edit", Text),  # what a person corrected in it: hub.sync.corrections
    Column("raw", Text),  # the piece as it stands in the source, where its text can be put right: hub.store.amended
    UniqueConstraint("connection", "external_id", "stage"),
    Index("parked_open", "state"),
    Index("parked_by_run", "run_id"),
)

amended = Table(  # pieces of sources that could not be read, put right by a person: hub.store.amended
    "amended",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("connection", Text, nullable=False),
    Column("mark", Text, nullable=False),  # of the piece as it stands in the source
    Column("place", Text, nullable=False),  # where it stood when it was read last
    Column("text", Text, nullable=False),  # as it is meant
    Column("external_id", Text, nullable=False),  # key of the record that it is
    Column("person", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("run_id", Text),  # that it came up in last
    Column("own_run", Text),  # in which the source itself brought this record, too: that goes first
    UniqueConstraint("connection", "mark", "place"),
    Index("amended_by_record", "connection", "external_id"),
)

change = Table(
    "change",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("golden_id", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("connection", Text),
    Column("detail", Text),
    Column("run_id", Text),
    Index("change_by_golden", "golden_id"),
)

hold = Table(
    "hold",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("connection", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("gate", Text, nullable=False),  # first | intake | absence | deletes | push
    Column("counts", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("state", Text, nullable=False),  # open | approved | refused | overtaken
    Column("person", Text),
    Column("decided_at", Float),
    Column("groups", Text),  # rows of its plan by connection, kind and field
    Column("in_part", Integer, nullable=False, server_default="0"),  # 1: some rows were decided, the rest waits for it
    Column("total", Integer),  # rows that its plan had, of which the first are kept
    Column("last_row", Integer),  # the highest number that a row of it has had
    Index("hold_open", "state"),
)

plan_row = Table(
    "plan_row",
    metadata,
    Column("hold_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("connection", Text, nullable=False),
    Column("op", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("golden_id", Text),  # of the contact, where there is one
    Column("mark", Text),  # of what was looked at: another one now means that the world has moved
    Column("verdict", Text),  # approved | refused | done | kept | overtaken; NULL: not decided by itself
    PrimaryKeyConstraint("hold_id", "number"),
)

ruling = Table(
    "ruling",
    metadata,
    Column("connection", Text, nullable=False),
    Column("gate", Text, nullable=False),  # intake | absence
    Column("external_id", Text, nullable=False),
    Column("verdict", Text, nullable=False),  # approved | refused | waits
    Column("mark", Text, nullable=False),  # of what was looked at
    Column("kept", Text),  # of what was refused: hashes of the values that are kept out; NULL: not read since
    Column("hold_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("connection", "gate", "external_id"),
    Index("ruling_by_hold", "hold_id"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("connection", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("payload", Text, nullable=False),
    Column("tries", BigInteger, nullable=False, server_default="0"),  # alone, by a process that ended in the middle
    UniqueConstraint("connection", "delivery_id"),
    sqlite_autoincrement=True,
)

interaction = Table(
    "interaction",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # from `counter`
    Column("connection", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("record_ref", Text),  # external id of a record of this connection: then no points are looked at
    Column("points", Text, nullable=False),  # canonical keys such as phones/+351912345678, JSON
    Column("summary", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("reference", Text),
    Column("mark", LargeBinary, nullable=False),  # changes with the content
    Column("run_id", Text),
    UniqueConstraint("connection", "external_id"),
)
Index(
    "interaction_by_record",
    interaction.c.connection,
    interaction.c.record_ref,
    sqlite_where=interaction.c.record_ref.is_not(None),
    postgresql_where=interaction.c.record_ref.is_not(None),
)

interaction_point = Table(  # who has this point has this interaction: see hub.sync.history
    "interaction_point",
    metadata,
    Column("point", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("interaction_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("point", "at", "interaction_id"),
    sqlite_with_rowid=False,
)

interaction_kept = Table(  # of a record that had the point once
    "interaction_kept",
    metadata,
    Column("record_id", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("interaction_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("record_id", "at", "interaction_id"),
    sqlite_with_rowid=False,
)

follow_up = Table(  # what somebody promised to come back to: see hub.store.follow_ups
    "follow_up",
    metadata,
    Column("interaction_id", BigInteger, primary_key=True, autoincrement=False),
    Column("due", Text, nullable=False),  # YYYY-MM-DD
    Column("made_by", Text, nullable=False),
    Column("made_at", Float, nullable=False),
    Column("closed_at", Float),
    Column("closed_by", Text),
)
Index(
    "follow_up_open",
    follow_up.c.due,
    follow_up.c.interaction_id,
    sqlite_where=follow_up.c.closed_at.is_(None),
    postgresql_where=follow_up.c.closed_at.is_(None),
)

statement = Table(  # what interactions said about consent, by contact point
    "statement",
    metadata,
    Column("point", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("point", "channel", "purpose", "connection"),
    sqlite_with_rowid=False,
)

account = Table(  # who may sign in
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),  # hub.access.rights.Role
    Column("made_at", Float, nullable=False),
    Column("password", Text),  # argon2id; NULL: none was chosen yet, or another party signs them in
    Column("totp", Text),  # sealed; NULL: not asked for
    Column("totp_step", BigInteger, nullable=False, server_default="0"),  # the last one used
    Column("recovery", Text, nullable=False, server_default="[]"),  # hashes of codes that were not used yet
    Column("subject", Text),  # issuer and name there, of who signs in elsewhere
    Column("disabled_at", Float),
    Column("failed", BigInteger, nullable=False, server_default="0"),  # tries since the last sign-in
    Column("signed_in_at", Float),
    UniqueConstraint("name"),
    UniqueConstraint("subject"),
)

session = Table(
    "session",
    metadata,
    Column("id", Text, primary_key=True),  # SHA-256 of what the browser has
    Column("account_id", Text, nullable=False),
    Column("made_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("until", Float, nullable=False),
    Column("proved_at", Float, nullable=False),  # when the person last gave their password
    Column("agent", Text, nullable=False),  # what the browser calls itself
    Column("address", Text, nullable=False),
    Index("session_by_account", "account_id"),
)

token = Table(
    "token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("rights", Text, nullable=False),  # JSON list of hub.access.rights.Right
    Column("account_id", Text),  # never more than this account may; NULL: made on the command line
    Column("made_by", Text, nullable=False),
    Column("made_at", Float, nullable=False),
    Column("until", Float, nullable=False),
    Column("used_at", Float),
    Column("revoked_at", Float),
    UniqueConstraint("name"),
    UniqueConstraint("hash"),
)

invitation = Table(  # a code that works once: for the first administrator, a new account, or a forgotten password
    "invitation",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("account_id", Text),  # NULL: makes the first account
    Column("made_by", Text, nullable=False),
    Column("until", Float, nullable=False),
)

data_key = Table(  # see hub.store.keyring
    "data_key",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("master", Text, nullable=False),  # which master key: its name
)

sealed = Table(  # secrets that were typed in
    "sealed",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("at", Float, nullable=False),
)

audit = Table(  # see hub.store.audit
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # from 1, without gaps
    Column("at", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("code", Text, nullable=False),  # keyed, over this row and the code before it
    Index("audit_by_subject", "subject"),
)

idempotency = Table(  # see hub.store.idempotency
    "idempotency",
    metadata,
    Column("actor", Text, nullable=False),  # id of the account or token
    Column("key", Text, nullable=False),
    Column("sent", LargeBinary, nullable=False),  # hash of the request
    Column("answer", Text),  # JSON; NULL while it is under way
    Column("at", Float, nullable=False),
    PrimaryKeyConstraint("actor", "key"),
    sqlite_with_rowid=False,
)

subscription = Table(  # see hub.store.events_out
    "subscription",
    metadata,
    Column("name", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("mark", BigInteger, nullable=False),  # number of the last change that it was told
    Column("attempts", BigInteger, nullable=False, server_default="0"),  # that have failed since
    Column("next_at", Float, nullable=False, server_default="0"),
    Column("failing_since", Float),
    Column("disabled_at", Float),
    Column("error", Text),
)

notice = Table(  # what a receiver of notifications knows of: see hub.notify.turn
    "notice",
    metadata,
    Column("receiver", Text, nullable=False),
    Column("matter", Text, nullable=False),  # kind/subject
    Column("since", Float, nullable=False),
    Column("told_at", Float),
    Column("gone_at", Float),
    PrimaryKeyConstraint("receiver", "matter"),
    sqlite_with_rowid=False,
)

notice_receiver = Table(
    "notice_receiver",
    metadata,
    Column("name", Text, primary_key=True),
    Column("looked_at", Float, nullable=False),
    Column("told_at", Float),  # when the last message was written
)

notice_out = Table(  # messages that wait for their webhook
    "notice_out",
    metadata,
    Column("id", Text, primary_key=True),
    Column("receiver", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("attempts", BigInteger, nullable=False, server_default="0"),
    Column("next_at", Float, nullable=False),
    Column("error", Text),
)

mail_out = Table(  # see hub.store.mail_out
    "mail_out",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("purpose", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text),
    Column("message_id", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("until", Float),
    Column("next_at", Float, nullable=False),  # of a mail that waits: the next attempt; else since when it does not
    Column("attempts", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # waiting | sent | failed
    Column("error", Text),
    Index("mail_out_due", "state", "next_at"),
)

opt_in = Table(  # consents given in a form that somebody has to confirm: see hub.store.opt_in
    "opt_in",
    metadata,
    Column("id", Text, primary_key=True),  # what the link in the mail names
    Column("connection", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("address_mark", Text, nullable=False),  # keyed hash, by which mails to one address are counted
    Column("consents", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("until", Float, nullable=False),
    Column("state", Text, nullable=False),  # held | due | mailed | quiet | confirmed
    Column("mails", BigInteger, nullable=False),
    Column("mailed_at", Float),
    Column("withheld", Text),  # JSON: ids of the erasures that keep its delivery out, until it is confirmed
    UniqueConstraint("connection", "delivery_id"),
    Index("opt_in_by_address", "address_mark", "mailed_at"),
    Index("opt_in_by_end", "until"),
)
Index("opt_in_due", opt_in.c.at, sqlite_where=opt_in.c.state == "due", postgresql_where=opt_in.c.state == "due")

erasure = Table(  # see hub.store.erasures
    "erasure",
    metadata,
    Column("id", Text, primary_key=True),
    Column("golden_id", Text, nullable=False),  # whose it was: a name of nobody any more
    Column("at", Float, nullable=False),
    Column("person", Text, nullable=False),  # who asked for it here
    Column("reference", Text),  # of the request, as they know it
    Column("change", BigInteger, nullable=False),  # the line of the history that tells of it
    Column("emptied_at", Float),  # when no file of the hub held anything any more
    Column("state", Text, nullable=False),  # open | done | lifted
    Column("ended_at", Float),
    Column("ended_by", Text),  # who lifted it
    Index("erasure_by_state", "state", "at"),
    Index("erasure_by_golden", "golden_id"),
)

erasure_step = Table(  # what one system is told, of one record
    "erasure_step",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("erasure_id", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("how", Text, nullable=False),  # erase | delete | empty | by hand
    Column("external_id", Text),  # until it is done
    Column("hub_key", Text),  # of a create that was not answered, by which it is looked for
    Column("mark", Text, nullable=False),  # keyed hash of the record's key
    Column("state", Text, nullable=False),  # pending | sent | by hand | refused | done | lifted
    Column("outcome", Text),  # see `hub.store.erasures.Step`
    Column("at", Float, nullable=False),  # when it came into this state
    Column("next_at", Float, nullable=False),
    Column("attempts", BigInteger, nullable=False, server_default="0"),
    Column("shown", BigInteger, nullable=False, server_default="0"),  # times that it came back after it was done
    Column("person", Text),  # who confirmed it by hand
    Index("erasure_step_by_erasure", "erasure_id"),
    Index("erasure_step_due", "connection", "state", "next_at"),
    Index("erasure_step_by_mark", "mark"),
)

suppression = Table(  # who is not to come in again, by keyed hashes
    "suppression",
    metadata,
    Column("mark", Text, nullable=False),
    Column("erasure_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # hub.store.erasures.Kind
    PrimaryKeyConstraint("mark", "erasure_id"),
    Index("suppression_by_erasure", "erasure_id"),
    sqlite_with_rowid=False,
)

run_order = Table(  # see hub.store.run_orders
    "run_order",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("is_full", BigInteger, nullable=False),
    Column("person", Text, nullable=False),  # who asked for it
    Column("at", Float, nullable=False),
)
