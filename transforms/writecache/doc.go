// Package writecache writes what a run scored into a cache: PCollection<schemas.CachedPair> → files.
//
// # Behavior
//
// [Split] tells pairs whose value the cache has from those that are to be scored. [Pairs], [Reused] and [Quarantine] write the rows of a bundle to files of the run's temporary place and give on only what they wrote
// ([cache.Done]: names, sizes, digests, tallies). [Commit] gathers that, gives the files their final names and replaces the
// manifest. So no row ever crosses a shuffle.
//
// # Determinism
//
// The cache is the same set of rows however bundles were cut; the files are not.
//
// # Failure
//
// A bundle that runs again writes again under other names; only what crossed the shuffle is committed, and the manifest alone says
// what a cache holds. A store that can't be written fails the bundle. The data never does: where more rows were refused than
// allowed, or another run was faster, Commit records the run as failed, keeps the parts for the next run and succeeds, and the launcher reads the record.
//
// The one trap: Commit works on one key, so a pipeline has exactly one, fed by every Pairs and Quarantine of it.
package writecache
