//! Three-way merge: (sync plan, records, links, bases, clock) to a change set; pure.
