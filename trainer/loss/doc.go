// Package loss holds the preference losses: pure functions in float64 from log-probabilities to a loss and its derivatives, which know
// nothing of models. A [Loss] is made of named parts, each in a file of its own; it is evaluated over a group of [Pair]s, the
// per_device_train_batch_size pairs that one batch of TRL holds, and gives a [Term] a pair.
//
// The one trap: the derivatives are of the sum over the group. What averages (over the group, then over the groups of a step) is the
// caller's weight.
package loss
