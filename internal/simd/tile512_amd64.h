// A column of tiles of up to 12×32 in AVX-512: row i of a tile of C in two accumulators, Z(8+2i) and Z(9+2i). Rows and columns beyond the last
// tile's are computed, as A's and B's panels are whole, and neither read nor written in C: columns by the masks K1 (0-15) and K2 (16-31), rows
// by leaving early. What is done with a row of A and of B is its user's.
#define K    CX
#define A0   SI  // a[0*ras + l*cas]
#define A3   DI  // a[3*ras + l*cas]
#define A6   R12
#define A9   R13
#define RAS  R8
#define CAS  R9
#define B    DX
#define LDB  R10
#define C    BX  // a tile's row 0 of C, then the next
#define LDC  R11
#define ROWS AX  // from the tile's first on

// LOADB loads a row of B.
#define LOADB \
	VMOVUPS (B), Z0   \ // b[l*ldb : +16]
	VMOVUPS 64(B), Z1 \ // b[l*ldb+16 : +16]
	ADDQ    LDB, B

#define LOADROW(lo, hi) \
	VMOVUPS.Z (C), K1, lo   \
	VMOVUPS.Z 64(C), K2, hi \
	ADDQ      LDC, C

#define STOREROW(lo, hi) \
	VMOVUPS lo, K1, (C)   \
	VMOVUPS hi, K2, 64(C) \
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

// LOOP12 is LOOP of a tile of 12 rows.
#define LOOP12(step) \
	COUNT(rest12) \
	AHEAD(FOUR(step), lines12, line12, fetched12, four12, end12) \
	REST(step, rest12, one12, store)

// PACKED12, before LOOP12, does the groups of four of panels that are packed, which need no strides: fewer instructions leave more of a core to its
// other thread. Panels that are not are left to LOOP12.
#define PACKED12(steps) \
	CMPQ CAS, $48  \
	JNE  strided   \
	CMPQ RAS, $4   \
	JNE  strided   \
	CMPQ LDB, $128 \
	JNE  strided   \
	COUNT(rest12)  \
	AHEAD(steps, linesPacked, linePacked, fetchedPacked, fourPacked, endPacked) \
	LEAQ 12(A0), A3 \
	LEAQ 24(A0), A6 \
	LEAQ 36(A0), A9 \
	JMP  rest12    \
strided:

// BEGINTILES reads a columnKernel's arguments, and begins a tile: it reads C where products are added to it, and has the next tile's fetched; else
// accumulators are zeros, and C is fetched, so that the stores at the end find its lines in the cache. K2 is empty where there is no second half of
// the columns. It needs a frame of 40 bytes.
#define BEGINTILES \
	MOVQ cols+8(FP), CX \
	MOVQ $1, R15 \
	SHLQ CX, R15 \
	DECQ R15 \
	KMOVW R15, K1 \
	SHRQ  $16, R15 \
	KMOVW R15, K2 \
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
	LEAQ (A3)(R15*2), A9 \
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
	LOADROW(Z8, Z9) \
	CMPQ ROWS, $1 \
	JLE  loaded \
	LOADROW(Z10, Z11) \
	CMPQ ROWS, $2 \
	JLE  loaded \
	LOADROW(Z12, Z13) \
	CMPQ ROWS, $3 \
	JLE  loaded \
	LOADROW(Z14, Z15) \
	CMPQ ROWS, $4 \
	JLE  loaded \
	LOADROW(Z16, Z17) \
	CMPQ ROWS, $5 \
	JLE  loaded \
	LOADROW(Z18, Z19) \
	CMPQ ROWS, $6 \
	JLE  loaded \
	LOADROW(Z20, Z21) \
	CMPQ ROWS, $7 \
	JLE  loaded \
	LOADROW(Z22, Z23) \
	CMPQ ROWS, $8 \
	JLE  loaded \
	LOADROW(Z24, Z25) \
	CMPQ ROWS, $9 \
	JLE  loaded \
	LOADROW(Z26, Z27) \
	CMPQ ROWS, $10 \
	JLE  loaded \
	LOADROW(Z28, Z29) \
	CMPQ ROWS, $11 \
	JLE  loaded \
	LOADROW(Z30, Z31) \
loaded: \
	MOVQ C, R15 \
	MOVQ row-32(SP), C \
	SUBQ $12, CX \
	JLE  begin \
fetch: \
	CMPQ CX, $12 \
	JLE  ahead \
	MOVQ $12, CX \
ahead: \
	PREFETCHT1 (R15) \
	PREFETCHT1 64(R15) \
	ADDQ LDC, R15 \
	DECQ CX \
	JNZ  ahead \
begin: \
	MOVQ k+16(FP), K

// ENDTILES writes C, and goes on with the next tile or returns.
#define ENDTILES \
store: \
	STOREROW(Z8, Z9) \
	CMPQ ROWS, $1 \
	JLE  stored \
	STOREROW(Z10, Z11) \
	CMPQ ROWS, $2 \
	JLE  stored \
	STOREROW(Z12, Z13) \
	CMPQ ROWS, $3 \
	JLE  stored \
	STOREROW(Z14, Z15) \
	CMPQ ROWS, $4 \
	JLE  stored \
	STOREROW(Z16, Z17) \
	CMPQ ROWS, $5 \
	JLE  stored \
	STOREROW(Z18, Z19) \
	CMPQ ROWS, $6 \
	JLE  stored \
	STOREROW(Z20, Z21) \
	CMPQ ROWS, $7 \
	JLE  stored \
	STOREROW(Z22, Z23) \
	CMPQ ROWS, $8 \
	JLE  stored \
	STOREROW(Z24, Z25) \
	CMPQ ROWS, $9 \
	JLE  stored \
	STOREROW(Z26, Z27) \
	CMPQ ROWS, $10 \
	JLE  stored \
	STOREROW(Z28, Z29) \
	CMPQ ROWS, $11 \
	JLE  stored \
	STOREROW(Z30, Z31) \
stored: \
	MOVQ from-16(SP), A0 \
	ADDQ band-24(SP), A0 \
	SUBQ $12, ROWS \
	JG   tile \
	VZEROUPPER \
	RET
