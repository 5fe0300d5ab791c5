// Package reflogp gives token pairs the reference model's log-probabilities:
// PCollection<schemas.TokenPair> → PCollection<schemas.CachedPair>.
//
// # Behavior
//
// A bundle's pairs are gathered in a window bounded in rows and bytes and grouped by prompt. Every distinct completion of a prompt is
// scored once, the prompt once for all of them: four ranked answers in six pairs are one prompt and four completions. Groups are sorted
// by length and cut into batches of at most BatchTokens tokens; one that is longer is cut too and its prompt computed again, but two
// completions stay together. Ids alone are compared; a prompt that another one begins with shares nothing with it. Rows of a window with
// the same ids are scored once and given the same values. Sums are float64 sums, in order, of the float32 token values. Rows leave as
// their completions are done, in an order of the window's own.
//
// # Determinism
//
// A row's values depend on its ids and the model alone: not on the window, the batch, the number of threads, the bundle or the
// worker (docs/numerics.md).
//
// # Failure
//
// A batch that the engine refuses is halved until the completion at fault stands alone; the pairs that it belongs to go to the second
// output as internal. Pairs whose values are not finite go there as non_finite_logp. A model that can't be read, or that isn't the one the run was
// launched with, fails the bundle; so does a context that ends.
//
// The model is loaded once a process with the first window, not in Setup: a bundle that is slow to start is never split on some
// runners. One batch is scored at a time in a process, by as many threads as the engine has. [ScoreWindow] is the work without
// Beam. An [Engine] is what computes; the CPU's is there, others are registered by name.
//
// The one trap: nothing leaves before a window is full or the bundle ends, so a DoFn downstream can't count on a row's values
// before it sees the next row.
package reflogp
