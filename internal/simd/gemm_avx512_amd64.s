#include "textflag.h"

// A tile of up to 12×32: row i of C in two accumulators, Z(8+2i) and Z(9+2i). Rows and columns beyond the tile's are computed, as A's and
// B's panels are whole, and neither read nor written in C: columns by the masks K1 (0-15) and K2 (16-31), rows by leaving early.
#define K    CX
#define A0   SI  // a[0*ras + l*cas]
#define A3   DI  // a[3*ras + l*cas]
#define A6   R12
#define A9   R13
#define RAS  R8
#define CAS  R9
#define B    DX
#define LDB  R10
#define C    BX  // row 0 of C, then the next
#define LDC  R11
#define ROWS AX

// Three rows: six fused multiply-adds.
#define ROWS3(a, c0, c1, c2, c3, c4, c5) \
	VBROADCASTSS (a), Z2         \
	VBROADCASTSS (a)(RAS*1), Z3  \
	VBROADCASTSS (a)(RAS*2), Z4  \
	VFMADD231PS  Z0, Z2, c0      \ // c[i] += a[i]*b
	VFMADD231PS  Z1, Z2, c1      \
	ADDQ         CAS, a          \
	VFMADD231PS  Z0, Z3, c2      \
	VFMADD231PS  Z1, Z3, c3      \
	VFMADD231PS  Z0, Z4, c4      \
	VFMADD231PS  Z1, Z4, c5

// One l of a tile of 12, 6 and 3 rows.
#define LOADB \
	VMOVUPS (B), Z0   \ // b[l*ldb : +16]
	VMOVUPS 64(B), Z1 \ // b[l*ldb+16 : +16]
	ADDQ    LDB, B

#define STEP12 \
	LOADB                                       \
	ROWS3(A0, Z8, Z9, Z10, Z11, Z12, Z13)       \
	ROWS3(A3, Z14, Z15, Z16, Z17, Z18, Z19)     \
	ROWS3(A6, Z20, Z21, Z22, Z23, Z24, Z25)     \
	ROWS3(A9, Z26, Z27, Z28, Z29, Z30, Z31)

#define STEP6 \
	LOADB                                   \
	ROWS3(A0, Z8, Z9, Z10, Z11, Z12, Z13)   \
	ROWS3(A3, Z14, Z15, Z16, Z17, Z18, Z19)

#define STEP3 \
	LOADB                                 \
	ROWS3(A0, Z8, Z9, Z10, Z11, Z12, Z13)

// The same of 16 columns.
#define ROWS3HALF(a, c0, c2, c4) \
	VFMADD231PS.BCST (a), Z0, c0        \
	VFMADD231PS.BCST (a)(RAS*1), Z0, c2 \
	VFMADD231PS.BCST (a)(RAS*2), Z0, c4 \
	ADDQ             CAS, a

#define STEPHALF \
	VMOVUPS (B), Z0                  \
	ADDQ    LDB, B                   \
	ROWS3HALF(A0, Z8, Z10, Z12)      \
	ROWS3HALF(A3, Z14, Z16, Z18)     \
	ROWS3HALF(A6, Z20, Z22, Z24)     \
	ROWS3HALF(A9, Z26, Z28, Z30)

#define LOADROW(lo, hi) \
	VMOVUPS.Z (C), K1, lo   \
	VMOVUPS.Z 64(C), K2, hi \
	ADDQ      LDC, C

#define STOREROW(lo, hi) \
	VMOVUPS lo, K1, (C)   \
	VMOVUPS hi, K2, 64(C) \
	ADDQ    LDC, C

#define ZERO(c) VPXORD c, c, c

// LOOP is: for range k { step }, four at a time.
#define LOOP(step, four, rest, one, end) \
	MOVQ    K, R15 \
	SHRQ    $2, R15 \
	ANDQ    $3, K  \
	TESTQ   R15, R15 \
	JZ      rest   \
	PCALIGN $64    \
four:              \
	step           \
	step           \
	step           \
	step           \
	DECQ    R15    \
	JNZ     four   \
rest:              \
	TESTQ   K, K   \
	JZ      end    \
one:               \
	step           \
	DECQ    K      \
	JNZ     one    \
	JMP     end

// func microAVX512(rows, cols, k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool)
TEXT ·microAVX512(SB), NOSPLIT, $0-129
	MOVQ rows+0(FP), ROWS
	MOVQ cols+8(FP), CX
	MOVQ $1, R15
	SHLQ CX, R15       // of 32 columns: bit 32
	DECQ R15
	KMOVW R15, K1
	SHRQ  $16, R15
	KMOVW R15, K2
	MOVQ R15, R14      // 0: no second half
	MOVQ k+16(FP), K
	MOVQ a_base+24(FP), A0
	MOVQ ras+48(FP), RAS
	MOVQ cas+56(FP), CAS
	MOVQ b_base+64(FP), B
	MOVQ ldb+88(FP), LDB
	MOVQ c_base+96(FP), C
	MOVQ ldc+120(FP), LDC
	SHLQ $2, RAS       // elements to bytes
	SHLQ $2, CAS
	SHLQ $2, LDB
	SHLQ $2, LDC
	LEAQ (RAS)(RAS*2), R15
	LEAQ (A0)(R15*1), A3
	LEAQ (A0)(R15*2), A6
	LEAQ (A3)(R15*2), A9

	CMPB add+128(FP), $0
	JNE  load
	ZERO(Z8)
	ZERO(Z9)
	ZERO(Z10)
	ZERO(Z11)
	ZERO(Z12)
	ZERO(Z13)
	ZERO(Z14)
	ZERO(Z15)
	ZERO(Z16)
	ZERO(Z17)
	ZERO(Z18)
	ZERO(Z19)
	ZERO(Z20)
	ZERO(Z21)
	ZERO(Z22)
	ZERO(Z23)
	ZERO(Z24)
	ZERO(Z25)
	ZERO(Z26)
	ZERO(Z27)
	ZERO(Z28)
	ZERO(Z29)
	ZERO(Z30)
	ZERO(Z31)

	// The stores at the end find their lines in the cache.
	MOVQ C, R15
	MOVQ ROWS, CX
ahead: // do {
	PREFETCHT0 (R15)
	PREFETCHT0 64(R15)
	ADDQ LDC, R15
	DECQ CX
	JNZ  ahead // } while --rows > 0
	MOVQ k+16(FP), K
	JMP  begin

load:
	LOADROW(Z8, Z9)
	CMPQ ROWS, $1
	JLE  loaded
	LOADROW(Z10, Z11)
	CMPQ ROWS, $2
	JLE  loaded
	LOADROW(Z12, Z13)
	CMPQ ROWS, $3
	JLE  loaded
	LOADROW(Z14, Z15)
	CMPQ ROWS, $4
	JLE  loaded
	LOADROW(Z16, Z17)
	CMPQ ROWS, $5
	JLE  loaded
	LOADROW(Z18, Z19)
	CMPQ ROWS, $6
	JLE  loaded
	LOADROW(Z20, Z21)
	CMPQ ROWS, $7
	JLE  loaded
	LOADROW(Z22, Z23)
	CMPQ ROWS, $8
	JLE  loaded
	LOADROW(Z24, Z25)
	CMPQ ROWS, $9
	JLE  loaded
	LOADROW(Z26, Z27)
	CMPQ ROWS, $10
	JLE  loaded
	LOADROW(Z28, Z29)
	CMPQ ROWS, $11
	JLE  loaded
	LOADROW(Z30, Z31)
loaded:
	MOVQ c_base+96(FP), C

begin:
	TESTQ R14, R14
	JZ    half
	CMPQ  ROWS, $3
	JLE   three
	CMPQ  ROWS, $6
	JLE   six
	LOOP(STEP12, four12, rest12, one12, store)
six:
	LOOP(STEP6, four6, rest6, one6, store)
three:
	LOOP(STEP3, four3, rest3, one3, store)
half:
	LOOP(STEPHALF, fourHalf, restHalf, oneHalf, store)

store:
	STOREROW(Z8, Z9)
	CMPQ ROWS, $1
	JLE  done
	STOREROW(Z10, Z11)
	CMPQ ROWS, $2
	JLE  done
	STOREROW(Z12, Z13)
	CMPQ ROWS, $3
	JLE  done
	STOREROW(Z14, Z15)
	CMPQ ROWS, $4
	JLE  done
	STOREROW(Z16, Z17)
	CMPQ ROWS, $5
	JLE  done
	STOREROW(Z18, Z19)
	CMPQ ROWS, $6
	JLE  done
	STOREROW(Z20, Z21)
	CMPQ ROWS, $7
	JLE  done
	STOREROW(Z22, Z23)
	CMPQ ROWS, $8
	JLE  done
	STOREROW(Z24, Z25)
	CMPQ ROWS, $9
	JLE  done
	STOREROW(Z26, Z27)
	CMPQ ROWS, $10
	JLE  done
	STOREROW(Z28, Z29)
	CMPQ ROWS, $11
	JLE  done
	STOREROW(Z30, Z31)
done:
	VZEROUPPER
	RET

#undef K
#undef A0
#undef A3
#undef A6
#undef A9
#undef RAS
#undef CAS
#undef B
#undef LDB
#undef C
#undef LDC
#undef ROWS
