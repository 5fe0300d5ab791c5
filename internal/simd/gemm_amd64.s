#include "textflag.h"

// func tile6x16(k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool)
//
// A tile of 6×16: row i of C in two accumulators, Y(4+2i) and Y(5+2i).
#define K    CX
#define A0   SI  // a[0*ras + l*cas]
#define A3   DI  // a[3*ras + l*cas]
#define RAS  R8
#define CAS  R9
#define B    DX
#define LDB  R10
#define C0   BX  // row 0 of C
#define C3   R12 // row 3
#define LDC  R11

// One l: 12 fused multiply-adds.
#define STEP \
	VMOVUPS      (B), Y0          \ // b[l*ldb : +8]
	VMOVUPS      32(B), Y1        \ // b[l*ldb+8 : +8]
	VBROADCASTSS (A0), Y2         \
	VBROADCASTSS (A0)(RAS*1), Y3  \
	VFMADD231PS  Y0, Y2, Y4       \ // c[0] += a[0]*b
	VFMADD231PS  Y1, Y2, Y5       \
	VFMADD231PS  Y0, Y3, Y6       \
	VFMADD231PS  Y1, Y3, Y7       \
	VBROADCASTSS (A0)(RAS*2), Y2  \
	VBROADCASTSS (A3), Y3         \
	VFMADD231PS  Y0, Y2, Y8       \
	VFMADD231PS  Y1, Y2, Y9       \
	VFMADD231PS  Y0, Y3, Y10      \
	VFMADD231PS  Y1, Y3, Y11      \
	VBROADCASTSS (A3)(RAS*1), Y2  \
	VBROADCASTSS (A3)(RAS*2), Y3  \
	ADDQ         CAS, A0          \
	ADDQ         CAS, A3          \
	ADDQ         LDB, B           \
	VFMADD231PS  Y0, Y2, Y12      \
	VFMADD231PS  Y1, Y2, Y13      \
	VFMADD231PS  Y0, Y3, Y14      \
	VFMADD231PS  Y1, Y3, Y15

TEXT ·tile6x16(SB), NOSPLIT, $0-113
	MOVQ k+0(FP), K
	MOVQ a_base+8(FP), A0
	MOVQ ras+32(FP), RAS
	MOVQ cas+40(FP), CAS
	MOVQ b_base+48(FP), B
	MOVQ ldb+72(FP), LDB
	MOVQ c_base+80(FP), C0
	MOVQ ldc+104(FP), LDC
	SHLQ $2, RAS          // elements to bytes
	SHLQ $2, CAS
	SHLQ $2, LDB
	SHLQ $2, LDC
	LEAQ (A0)(RAS*2), A3
	ADDQ RAS, A3
	LEAQ (C0)(LDC*2), C3
	ADDQ LDC, C3

	CMPB add+112(FP), $0
	JNE  load
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9
	VXORPS Y10, Y10, Y10
	VXORPS Y11, Y11, Y11
	VXORPS Y12, Y12, Y12
	VXORPS Y13, Y13, Y13
	VXORPS Y14, Y14, Y14
	VXORPS Y15, Y15, Y15
	// The stores at the end find their lines in the cache.
	PREFETCHT0 (C0)
	PREFETCHT0 (C0)(LDC*1)
	PREFETCHT0 (C0)(LDC*2)
	PREFETCHT0 (C3)
	PREFETCHT0 (C3)(LDC*1)
	PREFETCHT0 (C3)(LDC*2)
	JMP  begin

load:
	VMOVUPS (C0), Y4
	VMOVUPS 32(C0), Y5
	VMOVUPS (C0)(LDC*1), Y6
	VMOVUPS 32(C0)(LDC*1), Y7
	VMOVUPS (C0)(LDC*2), Y8
	VMOVUPS 32(C0)(LDC*2), Y9
	VMOVUPS (C3), Y10
	VMOVUPS 32(C3), Y11
	VMOVUPS (C3)(LDC*1), Y12
	VMOVUPS 32(C3)(LDC*1), Y13
	VMOVUPS (C3)(LDC*2), Y14
	VMOVUPS 32(C3)(LDC*2), Y15

begin:
	MOVQ K, R13
	SHRQ $2, R13 // groups of four l
	ANDQ $3, K   // and the rest
	TESTQ R13, R13
	JZ   rest

	PCALIGN $32
four: // do {
	STEP
	STEP
	STEP
	STEP
	DECQ R13
	JNZ  four // } while --R13 > 0

rest:
	TESTQ K, K
	JZ   store

one: // do {
	STEP
	DECQ K
	JNZ  one // } while --K > 0

store:
	VMOVUPS Y4, (C0)
	VMOVUPS Y5, 32(C0)
	VMOVUPS Y6, (C0)(LDC*1)
	VMOVUPS Y7, 32(C0)(LDC*1)
	VMOVUPS Y8, (C0)(LDC*2)
	VMOVUPS Y9, 32(C0)(LDC*2)
	VMOVUPS Y10, (C3)
	VMOVUPS Y11, 32(C3)
	VMOVUPS Y12, (C3)(LDC*1)
	VMOVUPS Y13, 32(C3)(LDC*1)
	VMOVUPS Y14, (C3)(LDC*2)
	VMOVUPS Y15, 32(C3)(LDC*2)
	VZEROUPPER
	RET

#undef K
#undef A0
#undef A3
#undef RAS
#undef CAS
#undef B
#undef LDB
#undef C0
#undef C3
#undef LDC
