// Package attention computes a batch's attention in blocks, forwards and backwards: [Attention]. [Span] is where a segment's tokens lie.
//
// The one trap: blocks of keys count from the start of their own segment, never from the batch's, so that a value depends on its own
// group alone.
package attention
