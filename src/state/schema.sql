-- One file per project and environment. Values are in each side's own canonical form.
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- Pairs known to be the same thing, per sync. `bases` = the last value that each side agreed on.
CREATE TABLE IF NOT EXISTS link (
  id INTEGER PRIMARY KEY,
  sync TEXT NOT NULL, left_id TEXT NOT NULL, arm TEXT NOT NULL, right_id TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'live', reason TEXT NOT NULL DEFAULT '',
  left_stamp INTEGER, right_stamp INTEGER, bases TEXT NOT NULL DEFAULT '{}',
  run TEXT NOT NULL, at INTEGER NOT NULL, verified INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS link_left ON link (sync, left_id);
CREATE UNIQUE INDEX IF NOT EXISTS link_right ON link (sync, arm, right_id);
CREATE INDEX IF NOT EXISTS link_oldest ON link (sync, verified, id) WHERE state = 'live';
-- How many links of a sync are live, kept by the triggers: a run asks each time, and counting takes longer the more
-- there are.
CREATE TABLE IF NOT EXISTS link_count (sync TEXT PRIMARY KEY, live INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS link_made AFTER INSERT ON link WHEN new.state = 'live' BEGIN
  INSERT INTO link_count VALUES (new.sync, 1) ON CONFLICT DO UPDATE SET live = live + 1;
END;
CREATE TRIGGER IF NOT EXISTS link_gone AFTER DELETE ON link WHEN old.state = 'live' BEGIN
  UPDATE link_count SET live = live - 1 WHERE sync = old.sync;
END;
CREATE TRIGGER IF NOT EXISTS link_moved AFTER UPDATE OF state ON link WHEN old.state <> new.state BEGIN
  INSERT INTO link_count VALUES (new.sync, (new.state = 'live') - (old.state = 'live'))
    ON CONFLICT DO UPDATE SET live = live + excluded.live;
END;
-- Records that may need work: observations, never work lists.
CREATE TABLE IF NOT EXISTS inbox (
  system TEXT NOT NULL, object TEXT NOT NULL, id TEXT NOT NULL, first_seen INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, not_before INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '',
  put_off INTEGER NOT NULL DEFAULT 0, -- when it was put off; a later change makes it due at once
  PRIMARY KEY (system, object, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS watermark (
  system TEXT NOT NULL, object TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (system, object)
) STRICT, WITHOUT ROWID;
-- Match keys of every record seen, so that matching never depends on a lagging search.
CREATE TABLE IF NOT EXISTS match_key (
  sync TEXT NOT NULL, rule INTEGER NOT NULL, place TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL,
  PRIMARY KEY (sync, place, id, rule)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS match_by_key ON match_key (sync, rule, place, key);
-- Records that were there before a sync of what is new started, with a fingerprint of their mapped fields.
CREATE TABLE IF NOT EXISTS older (
  sync TEXT NOT NULL, place TEXT NOT NULL, id TEXT NOT NULL, mark TEXT NOT NULL, PRIMARY KEY (sync, place, id)
) STRICT, WITHOUT ROWID;
-- Write-ahead journal: append-only, each row chained to the one before it.
CREATE TABLE IF NOT EXISTS intent (
  seq INTEGER PRIMARY KEY, op TEXT NOT NULL UNIQUE, run TEXT NOT NULL, sync TEXT NOT NULL,
  system TEXT NOT NULL, object TEXT NOT NULL, record TEXT NOT NULL, payload TEXT NOT NULL,
  issued INTEGER NOT NULL, until INTEGER NOT NULL, chain TEXT NOT NULL
) STRICT;
-- Operations without an outcome, kept by the triggers: a run asks for them first, and the journal only grows.
CREATE TABLE IF NOT EXISTS open_op (op TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS intent_made AFTER INSERT ON intent BEGIN
  INSERT INTO open_op VALUES (new.op);
END;
CREATE TABLE IF NOT EXISTS outcome (
  op TEXT PRIMARY KEY, result TEXT NOT NULL, record TEXT NOT NULL, detail TEXT NOT NULL, at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS outcome_known AFTER INSERT ON outcome BEGIN
  DELETE FROM open_op WHERE op = new.op;
END;
-- Every value that a run overwrote although somebody had written it since the last agreed one.
CREATE TABLE IF NOT EXISTS ledger (
  id INTEGER PRIMARY KEY, run TEXT NOT NULL, sync TEXT NOT NULL, system TEXT NOT NULL, object TEXT NOT NULL,
  record TEXT NOT NULL, field TEXT NOT NULL, lost TEXT NOT NULL, won TEXT NOT NULL, rule TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
-- What is not written, and why.
CREATE TABLE IF NOT EXISTS hold (
  sync TEXT NOT NULL, system TEXT NOT NULL, object TEXT NOT NULL, record TEXT NOT NULL, field TEXT NOT NULL,
  reason TEXT NOT NULL, detail TEXT NOT NULL, since INTEGER NOT NULL,
  PRIMARY KEY (sync, system, object, record, field)
) STRICT, WITHOUT ROWID;
-- Associations whose other end has no counterpart yet.
CREATE TABLE IF NOT EXISTS waiting (
  through TEXT NOT NULL, place TEXT NOT NULL, id TEXT NOT NULL,
  system TEXT NOT NULL, object TEXT NOT NULL, record TEXT NOT NULL,
  PRIMARY KEY (through, place, id, system, object, record)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, plan TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER,
  outcome TEXT NOT NULL, report TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- Sales Navigator: how far the connection is, which record is whom, what became of each activity, decisions by hand.
CREATE TABLE IF NOT EXISTS nav_connection (system TEXT PRIMARY KEY, doc TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nav_match (
  crm TEXT NOT NULL, object TEXT NOT NULL, record TEXT NOT NULL, status TEXT NOT NULL,
  badge TEXT NOT NULL, badge_source TEXT NOT NULL, display TEXT NOT NULL, display_source TEXT NOT NULL,
  score INTEGER NOT NULL, candidates TEXT NOT NULL, at INTEGER NOT NULL,
  who TEXT NOT NULL, -- the urn that counts: by hand, else the badge
  PRIMARY KEY (crm, object, record)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nav_match_who ON nav_match (crm, who);
CREATE TABLE IF NOT EXISTS nav_activity (
  writeback TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, seat INTEGER NOT NULL, about TEXT NOT NULL,
  origin TEXT NOT NULL, at INTEGER NOT NULL, copied INTEGER NOT NULL,
  state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '',
  object TEXT NOT NULL DEFAULT '', record TEXT NOT NULL DEFAULT '', -- where it was written
  on_object TEXT NOT NULL DEFAULT '', on_record TEXT NOT NULL DEFAULT '', -- what it hangs on
  PRIMARY KEY (writeback, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nav_audit (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
