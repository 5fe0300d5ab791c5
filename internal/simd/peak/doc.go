// Package peak measures what the kernels of package simd are held against: the rate of fused multiply-adds that wait for nothing.
//
// The one trap: a core's clock depends on what the others do, so a share of the peak is of one measured in the same minute on as many
// threads.
package peak
