// The Atlas CLI on the same directory, revision table and lock as `chenu migrate`. Either may apply what the other began:
//
//   export CHENU_MIGRATE_DATABASE_URL='postgres://chenu_migrate:…@localhost:5432/chenu'
//   atlas migrate status --env chenu
//   atlas migrate apply --env chenu
//
// New files come from `make migration` alone. The free CLIs plan tables, but no policies, functions, triggers or grants,
// and say "synced" when only those differ.
//
// It is written for the community builds from v0.13.1 on, and for the official binary. That is why it names no execution
// order: LINEAR is the default everywhere, and v0.13.1 does not know the word.

env "chenu" {
  // Everything belongs to chenu_owner, the revision table too, and a migration file says nothing of roles: the session
  // becomes the owner when it connects. row_security is off so that a statement from which a policy would hide rows fails.
  // There is no statement_timeout, because one URL serves all files, and an index build may take hours; `chenu migrate
  // apply` has one for the files that are one transaction. The CLI neither waits for long nor tries again: 5s for a lock.
  url = urlqueryset(getenv("CHENU_MIGRATE_DATABASE_URL"), "options", "-c role=chenu_owner -c row_security=off -c statement_timeout=0 -c lock_timeout=5s")

  // For `atlas migrate lint`, and for `validate` to run the files: an empty database that belongs to chenu_owner, on a
  // server where `chenu bootstrap` has made the roles. Each run needs a fresh one, because the free CLIs do not clear
  // functions and schemas away again.
  dev = getenv("CHENU_DEV_DATABASE_URL") == "" ? "" : urlqueryset(getenv("CHENU_DEV_DATABASE_URL"), "options", "-c role=chenu_owner")

  migration {
    dir          = "file://migrations"
    lock_timeout = "60s" // for another migration to end, as `chenu migrate apply --wait`
  }

  lint {
    destructive {
      error = true
    }
    data_depend {
      error = true
    }
  }
}
