// Package quant holds weights in 4 bits as bitsandbytes 0.50.2 does: a [Matrix] is a weight's codes under a [Scheme], [Quantize] makes
// one, [Double] holds its blocks' magnitudes in 8 bits. [Map] and its blocks of 8-bit codes serve optimizer states too.
//
// Where bitsandbytes' backends differ, this is what its CPU backend computes: [Quantize] divides whole blocks by way of a reciprocal and the
// last, shorter one truly; 8-bit codes are looked up on a grid of 65,536 (its CUDA kernels find the nearest value instead, so a code beside a
// midpoint, or of a value near zero, may be another). Dequantized values are the same on all of them, given the codes.
//
// The one trap: blocks count over a weight's elements in row-major order, so a block may begin in one row and end in the next.
package quant
