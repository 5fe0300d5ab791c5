// Package activation computes the nonlinearities of feed-forward networks, forwards and backwards: [Func], and the soft cap of scores and
// logits, [SoftCap].
//
// SiLU, both GELUs and the soft cap are kernels of internal/simd; the rarer ones are computed in float64, a number at a time, and rounded once.
// All are the same bits on every machine.
//
// The one trap: x·½·(1 + tanh u) is x·σ(2u), and computed so: 1 + tanh u loses all its digits where u is far below 0.
package activation
