// Package schemas is the contract between Steelyard's parts: types only, no behaviour beyond naming.
//
// A [Pair] is what a reader makes of a row of preference data; a [TokenPair] is that pair as token ids, cut to max_length;
// a [CachedPair] is a TokenPair with the reference model's log-probabilities; a [Quarantined] is a row that was not scored.
// [Manifest], [View], [Run] and [Fingerprint] are the JSON documents of a cache directory (docs/format.md).
//
// The one trap: pipeline elements (Pair, TokenPair, CachedPair, Quarantined, WorkItem) travel through Beam's coders, which drop
// unexported fields in silence and refuse interface fields. Keep every field exported and concrete.
package schemas
