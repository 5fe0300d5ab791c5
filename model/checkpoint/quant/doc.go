// Package quant holds weights in 4 bits as bitsandbytes 0.50.2 does: a [Scheme] says how.
//
// The one trap: blocks count over a weight's elements in row-major order, so a block may begin in one row and end in the next.
package quant
