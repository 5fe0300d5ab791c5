// Package norm normalizes vectors: [Norm], by root mean square or as LayerNorm, forwards and backwards, over the [Vectors] of a buffer.
//
// The one trap: Backward destroys dy.
package norm
