// Package trainer trains a policy with preference losses over a cache of reference log-probabilities. The reference itself is never in
// memory: a run holds the policy's weights, their gradients and AdamW's two moments, and reads its pairs from the cache as it goes.
//
// [Run] takes [Options] (TRL's names and defaults) and [Inputs] (the policy, the directory it came from, the cache). It refuses a cache
// that was not made for this policy, trains, and leaves a run directory: run.json (a [Record]), metrics.jsonl (a [Metrics] a step),
// checkpoint-N/ and the final model. A run that was killed goes on from its newest checkpoint to the same bytes.
//
// Results depend on the data set, the options and the seed: not on how the cache was written, on the number of threads, or on when a
// run was stopped.
//
// The one trap: per_device_train_batch_size is no matter of memory. It says which pairs are a loss group; micro_batch_tokens says how
// much goes through the model at once.
package trainer
