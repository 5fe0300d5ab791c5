// Package peers runs the programs that ours is held against: TRL and plain PyTorch in Python, OpenBLAS in C.
//
// The one trap: OpenBLAS's threads spin for a while after a product. [OpenBLAS.Gemm] returns only when they have gone to sleep, or the next
// measurement would share the cores with them.
package peers
