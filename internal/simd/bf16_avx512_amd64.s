#include "go_asm.h"
#include "textflag.h"
#include "tile512_amd64.h"

// VDPBF16PS d, s1, s2 by its encoding, EVEX.512.F3.0F38.W0 52 /r: Go's assembler lacks it. Z(d) += pairs of Z(s1) and Z(s2).
#define DP(d, s1, s2) \
	LONG $(0x62 | (((1^((d>>3)&1))<<7 | (1^((s2>>4)&1))<<6 | (1^((s2>>3)&1))<<5 | (1^((d>>4)&1))<<4 | 2)<<8) | (((15^(s1&15))<<3 | 6)<<16) | ((0x40 | (1^((s1>>4)&1))<<3)<<24)) \
	WORD $(0x52 | (0xc0 | (d&7)<<3 | (s2&7))<<8)

// Three rows of pairs of bfloat16 numbers: six products.
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

// func columnPairsAVX512(rows, cols, k int, a []float32, step, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool, next *ahead)
TEXT ·columnPairsAVX512(SB), NOSPLIT, $40-152
	BEGINTILES
	CMPQ  ROWS, $3
	JLE   three
	CMPQ  ROWS, $6
	JLE   six
	LOOP12(STEP12)
six:
	LOOP(STEP6, four6, rest6, one6, store)
three:
	LOOP(STEP3, four3, rest3, one3, store)
	ENDTILES

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
