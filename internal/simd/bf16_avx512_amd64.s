#include "textflag.h"

// VDPBF16PS d, s1, s2 by its encoding, EVEX.512.F3.0F38.W0 52 /r: Go's assembler lacks it. Z(d) += pairs of Z(s1) and Z(s2).
#define DP(d, s1, s2) \
	LONG $(0x62 | (((1^((d>>3)&1))<<7 | (1^((s2>>4)&1))<<6 | (1^((s2>>3)&1))<<5 | (1^((d>>4)&1))<<4 | 2)<<8) | (((15^(s1&15))<<3 | 6)<<16) | ((0x40 | (1^((s1>>4)&1))<<3)<<24)) \
	WORD $(0x52 | (0xc0 | (d&7)<<3 | (s2&7))<<8)

// A tile of up to 12×32 of pairs of bfloat16 numbers, as that of gemm_avx512_amd64.s: row i of C in two accumulators, Z(8+2i) and Z(9+2i). Rows and columns beyond the tile's are computed, as A's and
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
	DP(c0, 2, 0)      \ // c[i] += a[i]*b
	DP(c1, 2, 1)      \
	ADDQ         CAS, a          \
	DP(c2, 3, 0)      \
	DP(c3, 3, 1)      \
	DP(c4, 4, 0)      \
	DP(c5, 4, 1)

// One l of a tile of 12, 6 and 3 rows.
#define LOADB \
	VMOVUPS (B), Z0   \ // b[l*ldb : +16]
	VMOVUPS 64(B), Z1 \ // b[l*ldb+16 : +16]
	ADDQ    LDB, B

#define STEP12 \
	LOADB                                       \
	ROWS3(A0, 8, 9, 10, 11, 12, 13)       \
	ROWS3(A3, 14, 15, 16, 17, 18, 19)     \
	ROWS3(A6, 20, 21, 22, 23, 24, 25)     \
	ROWS3(A9, 26, 27, 28, 29, 30, 31)

#define STEP6 \
	LOADB                                   \
	ROWS3(A0, 8, 9, 10, 11, 12, 13)   \
	ROWS3(A3, 14, 15, 16, 17, 18, 19)

#define STEP3 \
	LOADB                                 \
	ROWS3(A0, 8, 9, 10, 11, 12, 13)

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

// func microPairsAVX512(rows, cols, k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool)
TEXT ·microPairsAVX512(SB), NOSPLIT, $0-129
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
	CMPQ  ROWS, $3
	JLE   three
	CMPQ  ROWS, $6
	JLE   six
	LOOP(STEP12, four12, rest12, one12, store)
six:
	LOOP(STEP6, four6, rest6, one6, store)
three:
	LOOP(STEP3, four3, rest3, one3, store)

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


// func roundPairs16AVX512(dst, src []float32): a positive multiple of 16 elements of src
TEXT ·roundPairs16AVX512(SB), NOSPLIT, $0-48
	MOVQ         dst_base+0(FP), DI
	MOVQ         src_base+24(FP), SI
	MOVQ         src_len+32(FP), CX
	MOVL         $0x7fff, AX
	VPBROADCASTD AX, Z2
	MOVL         $1, AX
	VPBROADCASTD AX, Z3
	MOVL         $0x40, AX
	VPBROADCASTD AX, Z4

loop: // do {
	VMOVUPS  (SI), Z0
	VCMPPS   $3, Z0, Z0, K1 // NaN
	VPSRLD   $16, Z0, Z1
	VPORD    Z4, Z1, Z5     // quiet
	VPANDD   Z3, Z1, Z1
	VPADDD   Z2, Z1, Z1
	VPADDD   Z0, Z1, Z1
	VPSRLD   $16, Z1, Z1    // (b + 0x7fff + b>>16&1) >> 16
	VMOVDQA32 Z5, K1, Z1
	VPMOVDW  Z1, (DI)
	ADDQ     $64, SI
	ADDQ     $32, DI
	SUBQ     $16, CX
	JG       loop // } while n > 0
	VZEROUPPER
	RET
