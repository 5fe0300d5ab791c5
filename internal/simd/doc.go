// Package simd holds the float32 kernels of the engine: matrix products, vector operations and a pool of threads. But for simd/peak
// nothing else holds assembly, and but for package memory nothing else imports unsafe.
//
// Three things make a result the same bits on every machine of a class, for every batch, tiling and number of threads:
//
//   - An element of a product is one chain of fused multiply-adds over k = 0..K-1, begun at +0 or at C (see [Gemm]).
//   - A reduction has 16 lanes. Lane l takes the elements l, l+16, l+32, …; a last group of fewer than 16 is padded with what leaves a
//     sum or a maximum alone (+0, -Inf); the lanes are then added as a tree: l and l+8, l and l+4, l and l+2, l and l+1.
//   - Everything else is done element by element by a stated sequence of IEEE operations; there are no approximate reciprocals.
//
// Every kernel exists twice: portable Go, whose fused multiply-add is exact and built from float64, and assembly. Tests compare their
// bits. NaNs are equal whatever their payload.
//
// M, N and K are the sizes of a product: (M, K)·(K, N) = (M, N). Matrices are row-major, strides count elements.
//
// The one trap: a product that is added to something in Go code needs an explicit conversion around it, float32(a*b) + c, or the compiler
// fuses it on some machines and not on others.
package simd
