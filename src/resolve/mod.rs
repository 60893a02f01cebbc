//! Names to ids: `ast` to `hir`.
