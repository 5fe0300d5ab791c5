// Package reflogp gives token pairs the reference model's log-probabilities:
// PCollection<schemas.TokenPair> → PCollection<schemas.CachedPair>.
//
// # Behavior
//
// A bundle's pairs are gathered in a window bounded in rows and bytes, sorted by length, cut into batches of at most BatchTokens
// tokens (at least one pair) and scored, the prompt of a pair once for both of its completions. Rows of a window with the same ids
// are scored once and given the same values. Sums are float64 sums, in order, of the float32 token values. Rows leave as their
// batch is done, in an order of the window's own.
//
// # Determinism
//
// A row's values depend on its ids and the model alone: not on the window, the batch, the number of threads, the bundle or the
// worker (docs/numerics.md).
//
// # Failure
//
// A batch that the engine refuses is halved until the pair at fault stands alone, which goes to the second output as internal; a
// pair whose values are not finite goes there as non_finite_logp. A model that can't be read, or that isn't the one the run was
// launched with, fails the bundle; so does a context that ends.
//
// The model is loaded once a process with the first window, not in Setup: a bundle that is slow to start is never split on some
// runners. One batch is scored at a time in a process, by as many threads as the engine has. [ScoreWindow] is the work without
// Beam. An [Engine] is what computes; the CPU's is there, others are registered by name.
//
// The one trap: nothing leaves before a window is full or the bundle ends, so a DoFn downstream can't count on a row's values
// before it sees the next row.
package reflogp
