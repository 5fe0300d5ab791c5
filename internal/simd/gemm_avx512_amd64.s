#include "go_asm.h"
#include "textflag.h"
#include "tile512_amd64.h"

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

// Two rows of packed panels: an element of the first goes to all lanes of a register, of the second each multiply-add loads its own. So the 24
// multiply-adds of a step take 32 instructions and 20 loads; with no such register they would take 26, more than a core may load in their time.
#define PACKED2(at, z, c0, c1, c2, c3) \
	VBROADCASTSS     at(A0), z         \
	VFMADD231PS      Z0, z, c0         \
	VFMADD231PS      Z1, z, c1         \
	VFMADD231PS.BCST (at+4)(A0), Z0, c2 \
	VFMADD231PS.BCST (at+4)(A0), Z1, c3

#define PACKEDSTEP(l) \
	VMOVUPS (l*128)(B), Z0                        \
	VMOVUPS (l*128+64)(B), Z1                     \
	PACKED2((l*48), Z2, Z8, Z9, Z10, Z11)         \
	PACKED2((l*48+8), Z3, Z12, Z13, Z14, Z15)     \
	PACKED2((l*48+16), Z4, Z16, Z17, Z18, Z19)    \
	PACKED2((l*48+24), Z5, Z20, Z21, Z22, Z23)    \
	PACKED2((l*48+32), Z6, Z24, Z25, Z26, Z27)    \
	PACKED2((l*48+40), Z7, Z28, Z29, Z30, Z31)

#define PACKED4 \
	PACKEDSTEP(0)  \
	PACKEDSTEP(1)  \
	PACKEDSTEP(2)  \
	PACKEDSTEP(3)  \
	ADDQ $192, A0  \
	ADDQ $512, B

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

// func columnAVX512(rows, cols, k int, a []float32, step, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool, next *ahead)
TEXT ·columnAVX512(SB), NOSPLIT, $40-152
	BEGINTILES
	KORTESTW K2, K2
	JZ    half
	CMPQ  ROWS, $3
	JLE   three
	CMPQ  ROWS, $6
	JLE   six
	PACKED12(PACKED4)
	LOOP12(STEP12)
six:
	LOOP(STEP6, four6, rest6, one6, store)
three:
	LOOP(STEP3, four3, rest3, one3, store)
half:
	LOOP(STEPHALF, fourHalf, restHalf, oneHalf, store)
	ENDTILES
