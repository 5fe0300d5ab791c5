// Package optim updates weights: [AdamW] with its state, [AdamW8] whose state takes a quarter of the room, the norm of a gradient and how much of it to keep ([Norm], [ClipScale]), and
// learning rates over the steps of a run ([Schedule]). Names, values and the order of float32 operations are those of torch and
// transformers; every result is the same bits whatever the number of threads.
//
// The one trap: [AdamW.Step] consumes the gradients. It leaves zeros, ready for the next step.
package optim
