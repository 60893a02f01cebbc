//! The run cycle: settle, fetch, merge, guard, execute, journal; async over the traits of its surroundings.
