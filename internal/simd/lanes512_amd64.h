// What the AVX-512 kernels share. A vector of 16 lanes is one Z register.

// MASK sets K1 to the first n of 16 lanes, n in CX, 0 < n < 16. It uses AX.
#define MASK \
	MOVL  $1, AX \
	SHLL  CX, AX \
	DECL  AX     \
	KMOVW AX, K1

// A kernel whose work outweighs its loads and stores has one body, with masks, for whole groups of 16 and the last one: while n > 0 in CX.
#define BEGIN \
	TESTQ  CX, CX     \
	JLE    done       \
	KXNORW K1, K1, K1 \
	JMP    first      \
loop: \
	ADDQ   $64, DI    \
	ADDQ   $64, SI    \
first: \
	CMPQ   CX, $16    \
	JGE    body       \
	MASK              \
body:

#define END \
	SUBQ   $16, CX \
	JG     loop    \
done:

// FOLD512 folds the lanes of Z0 into the lowest: l and l+8, l and l+4, l and l+2, l and l+1. It uses X1.
#define FOLD512(packed, single) \
	VEXTRACTF64X4 $1, Z0, Y1 \
	packed        Y1, Y0, Y0 \
	VEXTRACTF128  $1, Y0, X1 \
	packed        X1, X0, X0 \
	VMOVHLPS      X0, X0, X1 \
	packed        X1, X0, X0 \
	VMOVSHDUP     X0, X1     \
	single        X1, X0, X0

// TREE512 adds the lanes of Z0 into X0. It uses X1.
#define TREE512 FOLD512(VADDPS, VADDSS)

// MAX512 sets X0 to the greatest lane of Z0, +0 where that is a zero. It uses X1.
#define MAX512 \
	FOLD512(VMAXPS, VMAXSS) \
	VXORPS X1, X1, X1       \
	VADDSS X1, X0, X0

// TREE64 adds the float64 lanes 0-7 in A, 8-15 in B, in the same order, into the lowest lane of A, whose lower half is YA, XA. It uses Y1.
#define TREE64(A, B, YA, XA) \
	VADDPD        B, A, A    \
	VEXTRACTF64X4 $1, A, Y1  \
	VADDPD        Y1, YA, YA \
	VEXTRACTF128  $1, YA, X1 \
	VADDPD        X1, XA, XA \
	VPERMILPD     $1, XA, X1 \
	VADDSD        X1, XA, XA
