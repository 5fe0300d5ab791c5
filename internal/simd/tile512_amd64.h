// A column of tiles of up to 8×48 in AVX-512: row i of a tile of C in three accumulators, from Z(8+3i) on. Rows and columns beyond the last
// tile's are computed, as A's and B's panels are whole, and neither read nor written in C: columns by the masks K1 (0-15), K2 (16-31) and
// K3 (32-47), rows by leaving early. What is done with a row of A and of B is its user's.
#define K    CX
#define A0   SI  // a[0*ras + l*cas]
#define A3   DI  // a[3*ras + l*cas]
#define A6   R12
#define RAS  R8
#define CAS  R9
#define B    DX
#define LDB  R10
#define C    BX  // a tile's row 0 of C, then the next
#define LDC  R11
#define ROWS AX  // from the tile's first on

// LOADB loads a row of B.
#define LOADB \
	VMOVUPS (B), Z0    \ // b[l*ldb : +16]
	VMOVUPS 64(B), Z1  \ // b[l*ldb+16 : +16]
	VMOVUPS 128(B), Z2 \ // b[l*ldb+32 : +16]
	ADDQ    LDB, B

#define LOADROW(c0, c1, c2) \
	VMOVUPS.Z (C), K1, c0    \
	VMOVUPS.Z 64(C), K2, c1  \
	VMOVUPS.Z 128(C), K3, c2 \
	ADDQ      LDC, C

#define STOREROW(c0, c1, c2) \
	VMOVUPS c0, K1, (C)    \
	VMOVUPS c1, K2, 64(C)  \
	VMOVUPS c2, K3, 128(C) \
	ADDQ    LDC, C

#define ZERO(c) VPXORD c, c, c

// COUNT sets R15 to the groups of four steps, and K to those behind them.
#define COUNT(rest) \
	MOVQ  K, R15   \
	SHRQ  $2, R15  \
	ANDQ  $3, K    \
	TESTQ R15, R15 \
	JZ    rest

#define FOUR(step) \
	step \
	step \
	step \
	step

#define REST(step, rest, one, end) \
rest:             \
	TESTQ K, K \
	JZ    end  \
one:              \
	step       \
	DECQ  K    \
	JNZ   one  \
	JMP   end

// LOOP is: for range k { step }, four at a time.
#define LOOP(step, four, rest, one, end) \
	COUNT(rest) \
	PCALIGN $64 \
four:               \
	FOUR(step)  \
	DECQ R15    \
	JNZ  four   \
	REST(step, rest, one, end)

// AHEAD is R15 turns of four steps, each of which fetches a line of what is next: few at a time, as a core waits for no more than some 16 lines at
// once, the tile's own among them.
#define AHEAD(steps, lines, line, fetched, plain, end) \
	MOVQ next+144(FP), R14 \
	CMPQ ahead_rows(R14), $0 \
	JEQ  plain \
	MOVQ ahead_left(R14), AX \
	MOVQ AX, bytes-40(SP) \
	MOVQ ahead_at(R14), R14 \
	PCALIGN $64 \
lines:          \
	steps       \
	PREFETCHT1 (R14) \
	ADDQ $64, R14 \
	SUBQ $64, bytes-40(SP) \
	JLE  line   \
fetched:        \
	DECQ R15    \
	JNZ  lines  \
	MOVQ next+144(FP), AX \
	MOVQ R14, ahead_at(AX) \
	MOVQ bytes-40(SP), R14 \
	MOVQ R14, ahead_left(AX) \
	JMP  end    \
line:           \ // the next row's first
	MOVQ next+144(FP), AX \
	ADDQ ahead_skip(AX), R14 \
	MOVQ R14, ahead_at(AX) \
	MOVQ ahead_bytes(AX), R14 \
	MOVQ R14, bytes-40(SP) \
	MOVQ R14, ahead_left(AX) \
	MOVQ ahead_at(AX), R14 \
	DECQ ahead_rows(AX) \
	JNZ  fetched \
	DECQ R15    \
	JZ   end    \
	PCALIGN $64 \
plain:          \
	steps       \
	DECQ R15    \
	JNZ  plain  \
end:            \
	MOVQ left-8(SP), ROWS

// LOOP8 is LOOP of a tile of 8 rows.
#define LOOP8(step) \
	COUNT(rest8) \
	AHEAD(FOUR(step), lines8, line8, fetched8, four8, end8) \
	REST(step, rest8, one8, store)

// PACKED8, before LOOP8, does the groups of four of panels that are packed, which need no strides: fewer instructions leave more of a core to its
// other thread. Panels that are not are left to LOOP8.
#define PACKED8(steps) \
	CMPQ CAS, $32  \
	JNE  strided   \
	CMPQ RAS, $4   \
	JNE  strided   \
	CMPQ LDB, $192 \
	JNE  strided   \
	COUNT(rest8)   \
	AHEAD(steps, linesPacked, linePacked, fetchedPacked, fourPacked, endPacked) \
	LEAQ 12(A0), A3 \
	LEAQ 24(A0), A6 \
	JMP  rest8     \
strided:

// BEGINTILES reads a columnKernel's arguments, and begins a tile: it reads C where products are added to it, and has the next tile's fetched; else
// accumulators are zeros, and C is fetched, so that the stores at the end find its lines in the cache. K2 and K3 are empty where there are
// no such columns. It needs a frame of 40 bytes.
#define BEGINTILES \
	MOVQ cols+8(FP), CX \
	MOVQ $1, R15 \
	SHLQ CX, R15 \
	DECQ R15 \
	KMOVW R15, K1 \
	SHRQ  $16, R15 \
	KMOVW R15, K2 \
	SHRQ  $16, R15 \
	KMOVW R15, K3 \
	MOVQ step+48(FP), R15 \
	SHLQ $2, R15 \
	MOVQ R15, band-24(SP) \
	MOVQ ras+56(FP), RAS \
	MOVQ cas+64(FP), CAS \
	MOVQ ldb+96(FP), LDB \
	MOVQ c_base+104(FP), C \
	MOVQ ldc+128(FP), LDC \
	SHLQ $2, RAS \
	SHLQ $2, CAS \
	SHLQ $2, LDB \
	SHLQ $2, LDC \
	MOVQ rows+0(FP), ROWS \
	MOVQ a_base+24(FP), A0 \
tile: \
	MOVQ ROWS, left-8(SP) \
	MOVQ A0, from-16(SP) \
	LEAQ (RAS)(RAS*2), R15 \
	LEAQ (A0)(R15*1), A3 \
	LEAQ (A0)(R15*2), A6 \
	MOVQ b_base+72(FP), B \
	MOVQ C, R15 \
	MOVQ ROWS, CX \
	CMPB add+136(FP), $0 \
	JNE  load \
	ZERO(Z8) \
	ZERO(Z9) \
	ZERO(Z10) \
	ZERO(Z11) \
	ZERO(Z12) \
	ZERO(Z13) \
	ZERO(Z14) \
	ZERO(Z15) \
	ZERO(Z16) \
	ZERO(Z17) \
	ZERO(Z18) \
	ZERO(Z19) \
	ZERO(Z20) \
	ZERO(Z21) \
	ZERO(Z22) \
	ZERO(Z23) \
	ZERO(Z24) \
	ZERO(Z25) \
	ZERO(Z26) \
	ZERO(Z27) \
	ZERO(Z28) \
	ZERO(Z29) \
	ZERO(Z30) \
	ZERO(Z31) \
	JMP  fetch \
load: \
	MOVQ C, row-32(SP) \
	LOADROW(Z8, Z9, Z10) \
	CMPQ ROWS, $1 \
	JLE  loaded \
	LOADROW(Z11, Z12, Z13) \
	CMPQ ROWS, $2 \
	JLE  loaded \
	LOADROW(Z14, Z15, Z16) \
	CMPQ ROWS, $3 \
	JLE  loaded \
	LOADROW(Z17, Z18, Z19) \
	CMPQ ROWS, $4 \
	JLE  loaded \
	LOADROW(Z20, Z21, Z22) \
	CMPQ ROWS, $5 \
	JLE  loaded \
	LOADROW(Z23, Z24, Z25) \
	CMPQ ROWS, $6 \
	JLE  loaded \
	LOADROW(Z26, Z27, Z28) \
	CMPQ ROWS, $7 \
	JLE  loaded \
	LOADROW(Z29, Z30, Z31) \
loaded: \
	MOVQ C, R15 \
	MOVQ row-32(SP), C \
	SUBQ $8, CX \
	JLE  begin \
fetch: \
	CMPQ CX, $8 \
	JLE  ahead \
	MOVQ $8, CX \
ahead: \
	PREFETCHT1 (R15) \
	PREFETCHT1 64(R15) \
	PREFETCHT1 128(R15) \
	ADDQ LDC, R15 \
	DECQ CX \
	JNZ  ahead \
begin: \
	MOVQ k+16(FP), K

// ENDTILES writes C, and goes on with the next tile or returns.
#define ENDTILES \
store: \
	STOREROW(Z8, Z9, Z10) \
	CMPQ ROWS, $1 \
	JLE  stored \
	STOREROW(Z11, Z12, Z13) \
	CMPQ ROWS, $2 \
	JLE  stored \
	STOREROW(Z14, Z15, Z16) \
	CMPQ ROWS, $3 \
	JLE  stored \
	STOREROW(Z17, Z18, Z19) \
	CMPQ ROWS, $4 \
	JLE  stored \
	STOREROW(Z20, Z21, Z22) \
	CMPQ ROWS, $5 \
	JLE  stored \
	STOREROW(Z23, Z24, Z25) \
	CMPQ ROWS, $6 \
	JLE  stored \
	STOREROW(Z26, Z27, Z28) \
	CMPQ ROWS, $7 \
	JLE  stored \
	STOREROW(Z29, Z30, Z31) \
stored: \
	MOVQ from-16(SP), A0 \
	ADDQ band-24(SP), A0 \
	SUBQ $8, ROWS \
	JG   tile \
	VZEROUPPER \
	RET
