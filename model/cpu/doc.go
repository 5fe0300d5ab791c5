// Package cpu is the engine for processors: it scores batches and computes their gradients in float32, over weights of any stored type.
//
// [NewScorer] reads weights from where the checkpoint is mapped and widens them while they are packed for a multiplication;
// [NewTrainable] holds float32 weights and gradients, or, with an adapter, those of the adapter beside weights that stay as they are. Both
// run the same code, so what one scores the other forwards to the same bits. One block computes every family: what a model.Config lacks is
// left out. Attention, norms, rotary tables and activations are packages below internal, which know no engine.
//
// A value depends on its own pair alone: a row of a matrix product is one chain of additions, attention cuts the keys into blocks that
// count from the start of their own segment, the head cuts the vocabulary at fixed places, and every other sum has a fixed order
// (docs/numerics.md). Gradients depend on the batch, but not on the number of threads.
//
// Legend: T tokens of a batch, N scored tokens, C model width, H query heads, G key-value heads, R = H/G query heads that share keys,
// D head width, F feed-forward width, V vocabulary, E experts, K of them a token, S = T·K. Shapes stand in comments as (rows, columns), always row-major. Gradients are d +
// the name. A segment is a prompt or a completion; a span is where a segment's tokens lie in the batch.
//
// The one trap: a row of the batch is not a position. The completions of a group follow one another in rows, yet all begin at the
// position where their prompt ends: see attention.Span.
package cpu
