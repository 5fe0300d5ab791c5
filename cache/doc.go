// Package cache keeps what the reference model gave, as docs/format.md describes: immutable Parquet parts of values, views of data sets
// over them, and a manifest that alone says what is in. It knows no Beam and no model.
//
// Writing: [Begin] claims a directory for a run; each bundle has a [Sink], whose Close returns the staged parts as a [Done]; [Commit] gives
// all of them their final names and replaces the manifest last. Everything may be retried, and a process may die anywhere: before the
// manifest is replaced nothing is in the cache, afterwards everything is.
//
// Reading: [Open] takes a [Snapshot], which no later run changes; [Snapshot.Index] brings a view, or all, into the order of its source;
// [Snapshot.Rows] reads rows by their place in that order, [Snapshot.Metas] their other fields. Package perm shuffles places, package export
// writes a view as one table, and package upkeep says what is in a directory, finished or not.
//
// The one trap: the files of values/ and views/ are not a cache. After a kill some may lie there that no manifest names; go through Open,
// never through a listing.
package cache
