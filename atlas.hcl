// The Atlas CLI on the same directory, revision table and lock as `chenu migrate`. The two can be used in turn, each going
// on where the other stopped:
//
//   export CHENU_MIGRATE_DATABASE_URL='postgres://chenu_migrate:…@localhost:5432/chenu'
//   atlas migrate status --env chenu
//   atlas migrate apply --env chenu
//
//   export CHENU_DEV_DATABASE_URL='postgres://chenu_migrate:…@localhost:5432/chenu_dev'
//   atlas migrate validate --env chenu
//   atlas migrate lint --env chenu --latest 1
//
//   atlas migrate hash --env chenu
//
// New files come from `make migration` alone. The free CLIs plan tables, but no policies, functions, triggers or grants,
// and say "synced" when only those differ. Nor do they notice an applied file that was edited and hashed again; `chenu
// migrate status` does. A file's `-- atlas:txmode none` and `-- atlas:nolint CODE` mean the same to both.
//
// It is written for the community builds from v0.13.1 on, which reads PostgreSQL up to 15, and for the official binary.
// `make test-atlas` runs all five commands in turn with ours, on this file.

env "chenu" {
  // Which database. The options are the session's from its first moment, because a migration file says nothing of them:
  //
  //   role=chenu_owner      everything belongs to it, the revision table too, whoever logs in
  //   row_security=off      a statement from which a policy would hide rows fails, rather than touch fewer of them
  //   statement_timeout=0   no limit of the login's own ends a long index build half-way
  //   lock_timeout=5s       a statement that does not get its lock gives up, so that nobody queues up behind it for longer
  url = urlqueryset(getenv("CHENU_MIGRATE_DATABASE_URL"), "options", "-c role=chenu_owner -c row_security=off -c statement_timeout=0 -c lock_timeout=5s")

  // Where `lint`, and `validate` beyond the checksum, run the files: an empty database that belongs to chenu_owner, on a
  // server where `chenu bootstrap` has made the roles. Each run needs a fresh one, because the free CLIs do not clear
  // functions and schemas away again. Without the variable `validate` checks the checksum alone, and `lint` refuses.
  //
  //   role=chenu_owner            as above
  //   check_function_bodies=off   the CLI runs each statement by itself here, so that the SET LOCAL by which a file lets
  //                               its functions speak of tables that it makes later holds for none of them
  dev = getenv("CHENU_DEV_DATABASE_URL") == "" ? "" : urlqueryset(getenv("CHENU_DEV_DATABASE_URL"), "options", "-c role=chenu_owner -c check_function_bodies=off")

  migration {
    // From the root of the repository, where this file stands; what the program has built in is the same.
    dir = "file://migrations"

    // How long `apply` waits for another migration to end, as `chenu migrate apply --wait`. It is no lock of a table.
    lock_timeout = "60s"

    // No exec_order: files in the order of their versions (LINEAR) are the default everywhere, and v0.13.1 does not know
    // the word.
  }

  // What `lint` finds fails it rather than be printed. `chenu migrate lint` finds the same, and what concerns locks, rows
  // and who may see them. Both accept a finding by its code, above the statement or at the top of the file:
  //
  //   -- atlas:nolint DS102 — nothing was ever in it
  lint {
    // Tables and columns that go with what is in them.
    destructive {
      error = true
    }
    // Changes that can fail on rows that stand: a new unique key, NOT NULL.
    data_depend {
      error = true
    }
  }
}
