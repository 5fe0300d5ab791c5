#include "go_asm.h"
#include "textflag.h"
#include "tile512_amd64.h"

// A row of A by the row of B.
#define ROW(a, z, c0, c1, c2) \
	VBROADCASTSS a, z      \
	VFMADD231PS  Z0, z, c0 \
	VFMADD231PS  Z1, z, c1 \
	VFMADD231PS  Z2, z, c2

// One l of a tile of 3, 6 and 8 rows.
#define STEP3 \
	LOADB                               \
	ROW((A0), Z3, Z8, Z9, Z10)          \
	ROW((A0)(RAS*1), Z4, Z11, Z12, Z13) \
	ROW((A0)(RAS*2), Z5, Z14, Z15, Z16) \
	ADDQ CAS, A0

#define STEP6 \
	STEP3                               \
	ROW((A3), Z6, Z17, Z18, Z19)        \
	ROW((A3)(RAS*1), Z7, Z20, Z21, Z22) \
	ROW((A3)(RAS*2), Z3, Z23, Z24, Z25) \
	ADDQ CAS, A3

#define STEP8 \
	STEP6                               \
	ROW((A6), Z4, Z26, Z27, Z28)        \
	ROW((A6)(RAS*1), Z5, Z29, Z30, Z31) \
	ADDQ CAS, A6

// Panels that are packed need no strides.
#define PACKEDSTEP(l) \
	VMOVUPS (l*192)(B), Z0                \
	VMOVUPS (l*192+64)(B), Z1             \
	VMOVUPS (l*192+128)(B), Z2            \
	ROW((l*32)(A0), Z3, Z8, Z9, Z10)      \
	ROW((l*32+4)(A0), Z4, Z11, Z12, Z13)  \
	ROW((l*32+8)(A0), Z5, Z14, Z15, Z16)  \
	ROW((l*32+12)(A0), Z6, Z17, Z18, Z19) \
	ROW((l*32+16)(A0), Z7, Z20, Z21, Z22) \
	ROW((l*32+20)(A0), Z3, Z23, Z24, Z25) \
	ROW((l*32+24)(A0), Z4, Z26, Z27, Z28) \
	ROW((l*32+28)(A0), Z5, Z29, Z30, Z31)

#define PACKED4 \
	PACKEDSTEP(0)  \
	PACKEDSTEP(1)  \
	PACKEDSTEP(2)  \
	PACKEDSTEP(3)  \
	ADDQ $128, A0  \
	ADDQ $768, B

// The same of 32 columns.
#define ROW2(a, z, c0, c1) \
	VBROADCASTSS a, z      \
	VFMADD231PS  Z0, z, c0 \
	VFMADD231PS  Z1, z, c1

#define STEP2 \
	VMOVUPS (B), Z0                 \
	VMOVUPS 64(B), Z1               \
	ADDQ LDB, B                     \
	ROW2((A0), Z3, Z8, Z9)          \
	ROW2((A0)(RAS*1), Z4, Z11, Z12) \
	ROW2((A0)(RAS*2), Z5, Z14, Z15) \
	ADDQ CAS, A0                    \
	ROW2((A3), Z6, Z17, Z18)        \
	ROW2((A3)(RAS*1), Z7, Z20, Z21) \
	ROW2((A3)(RAS*2), Z3, Z23, Z24) \
	ADDQ CAS, A3                    \
	ROW2((A6), Z4, Z26, Z27)        \
	ROW2((A6)(RAS*1), Z5, Z29, Z30) \
	ADDQ CAS, A6

// The same of 16 columns.
#define STEP1 \
	VMOVUPS (B), Z0                       \
	ADDQ LDB, B                           \
	VFMADD231PS.BCST (A0), Z0, Z8         \
	VFMADD231PS.BCST (A0)(RAS*1), Z0, Z11 \
	VFMADD231PS.BCST (A0)(RAS*2), Z0, Z14 \
	ADDQ CAS, A0                          \
	VFMADD231PS.BCST (A3), Z0, Z17        \
	VFMADD231PS.BCST (A3)(RAS*1), Z0, Z20 \
	VFMADD231PS.BCST (A3)(RAS*2), Z0, Z23 \
	ADDQ CAS, A3                          \
	VFMADD231PS.BCST (A6), Z0, Z26        \
	VFMADD231PS.BCST (A6)(RAS*1), Z0, Z29 \
	ADDQ CAS, A6

// func columnAVX512(rows, cols, k int, a []float32, step, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool, next *ahead)
TEXT ·columnAVX512(SB), NOSPLIT, $40-152
	BEGINTILES
	KORTESTW K2, K2
	JZ    sixteen
	KORTESTW K3, K3
	JZ    thirtytwo
	CMPQ  ROWS, $3
	JLE   three
	CMPQ  ROWS, $6
	JLE   six
	PACKED8(PACKED4)
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
