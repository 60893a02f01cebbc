//! The state store: links, bases, inbox, intents, ledger.
