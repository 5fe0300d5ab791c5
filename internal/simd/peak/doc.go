// Package peak measures what the kernels of package simd are held against: the rate of fused multiply-adds that wait for nothing.
//
// The traps: a core's clock depends on what the others do, so a share of the peak is of one measured in the same minute on as many
// threads. And which instruction is the fastest depends on the machine: with two units of 512 bits AVX-512 does twice what AVX2 does, with
// one unit or two halves the same.
package peak
