#include "textflag.h"
#include "neon_arm64.h"

// func tile6x16(k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool)
//
// A tile of 6×16: row i of C in the four accumulators from V(8+4i) on.
#define K   R0
#define A0  R1 // a[0*ras]
#define A1  R2
#define A2  R3
#define A3  R4
#define A4  R5
#define A5  R6
#define AT  R7 // l*cas
#define CAS R8
#define B0  R9
#define LDB R10
#define C   R11
#define LDC R12
#define D   R13

// ROW is c[i] += a[i]*b, with a[i] in V(a) and c[i] from V(c) on.
#define ROW(a, c) \
	FMLAE(a, 0, c)   \
	FMLAE(a, 1, c+1) \
	FMLAE(a, 2, c+2) \
	FMLAE(a, 3, c+3)

// One l: 24 fused multiply-adds.
#define STEP \
	VLD1.P (B0)(LDB), [V0.S4, V1.S4, V2.S4, V3.S4] \ // b[l*ldb : +16]
	FMOVS  (A0)(AT), F4 \
	FMOVS  (A1)(AT), F5 \
	FMOVS  (A2)(AT), F6 \
	FMOVS  (A3)(AT), F7 \
	ROW(4, 8)           \
	FMOVS  (A4)(AT), F4 \
	ROW(5, 12)          \
	FMOVS  (A5)(AT), F5 \
	ADD    CAS, AT      \
	ROW(6, 16)          \
	ROW(7, 20)          \
	ROW(4, 24)          \
	ROW(5, 28)

TEXT ·tile6x16(SB), NOSPLIT, $0-113
	MOVD  k+0(FP), K
	MOVD  a_base+8(FP), A0
	MOVD  ras+32(FP), R14
	MOVD  cas+40(FP), CAS
	MOVD  b_base+48(FP), B0
	MOVD  ldb+72(FP), LDB
	MOVD  c_base+80(FP), C
	MOVD  ldc+104(FP), LDC
	MOVBU add+112(FP), R15
	LSL   $2, R14 // elements to bytes
	LSL   $2, CAS
	LSL   $2, LDB
	LSL   $2, LDC
	ADD   R14, A0, A1
	ADD   R14, A1, A2
	ADD   R14, A2, A3
	ADD   R14, A3, A4
	ADD   R14, A4, A5
	MOVD  $0, AT
	MOVD  C, D
	CBNZ  R15, load
	ZERO(8)
	ZERO(9)
	ZERO(10)
	ZERO(11)
	ZERO(12)
	ZERO(13)
	ZERO(14)
	ZERO(15)
	ZERO(16)
	ZERO(17)
	ZERO(18)
	ZERO(19)
	ZERO(20)
	ZERO(21)
	ZERO(22)
	ZERO(23)
	ZERO(24)
	ZERO(25)
	ZERO(26)
	ZERO(27)
	ZERO(28)
	ZERO(29)
	ZERO(30)
	ZERO(31)
	JMP   begin

load:
	VLD1.P (D)(LDC), [V8.S4, V9.S4, V10.S4, V11.S4]
	VLD1.P (D)(LDC), [V12.S4, V13.S4, V14.S4, V15.S4]
	VLD1.P (D)(LDC), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1.P (D)(LDC), [V20.S4, V21.S4, V22.S4, V23.S4]
	VLD1.P (D)(LDC), [V24.S4, V25.S4, V26.S4, V27.S4]
	VLD1.P (D)(LDC), [V28.S4, V29.S4, V30.S4, V31.S4]

begin:
	LSR $2, K, R14 // groups of four l
	AND $3, K      // and the rest
	CBZ R14, rest

four: // do {
	STEP
	STEP
	STEP
	STEP
	SUB  $1, R14
	CBNZ R14, four // } while --R14 > 0

rest:
	CBZ K, store

one: // do {
	STEP
	SUB  $1, K
	CBNZ K, one // } while --K > 0

store:
	VST1.P [V8.S4, V9.S4, V10.S4, V11.S4], (C)(LDC)
	VST1.P [V12.S4, V13.S4, V14.S4, V15.S4], (C)(LDC)
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], (C)(LDC)
	VST1.P [V20.S4, V21.S4, V22.S4, V23.S4], (C)(LDC)
	VST1.P [V24.S4, V25.S4, V26.S4, V27.S4], (C)(LDC)
	VST1.P [V28.S4, V29.S4, V30.S4, V31.S4], (C)(LDC)
	RET
