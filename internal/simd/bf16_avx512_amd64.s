#include "go_asm.h"
#include "textflag.h"
#include "tile512_amd64.h"

// VDPBF16PS d, s1, s2 by its encoding, EVEX.512.F3.0F38.W0 52 /r: Go's assembler lacks it. Z(d) += pairs of Z(s1) and Z(s2).
#define DP(d, s1, s2) \
	LONG $(0x62 | (((1^((d>>3)&1))<<7 | (1^((s2>>4)&1))<<6 | (1^((s2>>3)&1))<<5 | (1^((d>>4)&1))<<4 | 2)<<8) | (((15^(s1&15))<<3 | 6)<<16) | ((0x40 | (1^((s1>>4)&1))<<3)<<24)) \
	WORD $(0x52 | (0xc0 | (d&7)<<3 | (s2&7))<<8)

// A row of A by the row of B.
#define ROW(a, z, n, c0, c1, c2) \
	VBROADCASTSS a, z \
	DP(c0, n, 0)      \
	DP(c1, n, 1)      \
	DP(c2, n, 2)

// One l of a tile of 3, 6 and 8 rows.
#define STEP3 \
	LOADB                               \
	ROW((A0), Z3, 3, 8, 9, 10)          \
	ROW((A0)(RAS*1), Z4, 4, 11, 12, 13) \
	ROW((A0)(RAS*2), Z5, 5, 14, 15, 16) \
	ADDQ CAS, A0

#define STEP6 \
	STEP3                               \
	ROW((A3), Z6, 6, 17, 18, 19)        \
	ROW((A3)(RAS*1), Z7, 7, 20, 21, 22) \
	ROW((A3)(RAS*2), Z3, 3, 23, 24, 25) \
	ADDQ CAS, A3

#define STEP8 \
	STEP6                               \
	ROW((A6), Z4, 4, 26, 27, 28)        \
	ROW((A6)(RAS*1), Z5, 5, 29, 30, 31) \
	ADDQ CAS, A6

// The same of 32 columns.
#define ROW2(a, z, n, c0, c1) \
	VBROADCASTSS a, z \
	DP(c0, n, 0)      \
	DP(c1, n, 1)

#define STEP2 \
	VMOVUPS (B), Z0                  \
	VMOVUPS 64(B), Z1                \
	ADDQ LDB, B                      \
	ROW2((A0), Z3, 3, 8, 9)          \
	ROW2((A0)(RAS*1), Z4, 4, 11, 12) \
	ROW2((A0)(RAS*2), Z5, 5, 14, 15) \
	ADDQ CAS, A0                     \
	ROW2((A3), Z6, 6, 17, 18)        \
	ROW2((A3)(RAS*1), Z7, 7, 20, 21) \
	ROW2((A3)(RAS*2), Z3, 3, 23, 24) \
	ADDQ CAS, A3                     \
	ROW2((A6), Z4, 4, 26, 27)        \
	ROW2((A6)(RAS*1), Z5, 5, 29, 30) \
	ADDQ CAS, A6

// The same of 16 columns.
#define ROW1(a, z, n, c0) \
	VBROADCASTSS a, z \
	DP(c0, n, 0)

#define STEP1 \
	VMOVUPS (B), Z0              \
	ADDQ LDB, B                  \
	ROW1((A0), Z3, 3, 8)         \
	ROW1((A0)(RAS*1), Z4, 4, 11) \
	ROW1((A0)(RAS*2), Z5, 5, 14) \
	ADDQ CAS, A0                 \
	ROW1((A3), Z6, 6, 17)        \
	ROW1((A3)(RAS*1), Z7, 7, 20) \
	ROW1((A3)(RAS*2), Z3, 3, 23) \
	ADDQ CAS, A3                 \
	ROW1((A6), Z4, 4, 26)        \
	ROW1((A6)(RAS*1), Z5, 5, 29) \
	ADDQ CAS, A6

// func columnPairsAVX512(rows, cols, k int, a []float32, step, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool, next *ahead)
TEXT ·columnPairsAVX512(SB), NOSPLIT, $40-152
	BEGINTILES
	KORTESTW K2, K2
	JZ    sixteen
	KORTESTW K3, K3
	JZ    thirtytwo
	CMPQ  ROWS, $3
	JLE   three
	CMPQ  ROWS, $6
	JLE   six
	LOOP8(STEP8)
six:
	LOOP(STEP6, four6, rest6, one6, store)
three:
	LOOP(STEP3, four3, rest3, one3, store)
thirtytwo:
	LOOP(STEP2, four2, rest2, one2, store)
sixteen:
	LOOP(STEP1, four1, rest1, one1, store)
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
	PREFETCHT0 512(SI) // a strip of pairs on: the next one of this row
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
