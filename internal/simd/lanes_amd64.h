// Lanes of reductions, in Y registers.

// TAIL sets Y14 and Y15 to the masks of the n lanes that are left, 0 < n < 16.
#define TAIL(n) \
	LEAQ    ·laneMask+64(SB), R8 \
	SHLQ    $2, n             \
	SUBQ    n, R8             \
	VMOVUPS (R8), Y14         \
	VMOVUPS 32(R8), Y15

// TREE adds the lanes 0-7 in Y0 and 8-15 in Y1: l and l+8, l and l+4, l and l+2, l and l+1.
#define TREE \
	VADDPS       Y1, Y0, Y0   \
	VEXTRACTF128 $1, Y0, X1   \
	VADDPS       X1, X0, X0   \
	VMOVHLPS     X0, X0, X1   \
	VADDPS       X1, X0, X0   \
	VMOVSHDUP    X0, X1       \
	VADDSS       X1, X0, X0

// TREE64 adds the float64 lanes 0-3 in A, 4-7 in B, 8-11 in C and 12-15 in D, in the same order, into the lowest of A, whose lower half is
// X. It uses X1.
#define TREE64(A, B, C, D, X) \
	VADDPD       C, A, A   \
	VADDPD       D, B, B   \
	VADDPD       B, A, A   \
	VEXTRACTF128 $1, A, X1 \
	VADDPD       X1, X, X  \
	VPERMILPD    $1, X, X1 \
	VADDSD       X1, X, X
