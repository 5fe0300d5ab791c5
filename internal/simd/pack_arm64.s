#include "textflag.h"
#include "neon_arm64.h"

// func copy16NEON(dst, src []float32, stride, k int)
TEXT ·copy16NEON(SB), NOSPLIT, $0-64
	MOVD dst_base+0(FP), R0
	MOVD src_base+24(FP), R1
	MOVD stride+48(FP), R2
	MOVD k+56(FP), R3
	LSL  $2, R2

loop: // do {
	VLD1.P (R1)(R2), [V0.S4, V1.S4, V2.S4, V3.S4]
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB    $1, R3
	CBNZ   R3, loop // } while --k > 0
	RET

// func copy6NEON(dst, src []float32, stride, k int)
TEXT ·copy6NEON(SB), NOSPLIT, $0-64
	MOVD dst_base+0(FP), R0
	MOVD src_base+24(FP), R1
	MOVD stride+48(FP), R2
	MOVD k+56(FP), R3
	LSL  $2, R2

loop: // do {
	FMOVQ (R1), F0
	FMOVD 16(R1), F1
	FMOVQ F0, (R0)
	FMOVD F1, 16(R0)
	ADD   R2, R1
	ADD   $24, R0
	SUB   $1, R3
	CBNZ  R3, loop // } while --k > 0
	RET

// V0 … V3 hold four elements of the rows 0 … 3; then the columns 0 … 3 of these rows. It uses V4 to V7.
#define TRANSPOSE \
	VZIP1 V2.S4, V0.S4, V4.S4 \ // row 0, 2, 0, 2 of columns 0, 0, 1, 1
	VZIP2 V2.S4, V0.S4, V5.S4 \ // and of columns 2, 2, 3, 3
	VZIP1 V3.S4, V1.S4, V6.S4 \ // row 1, 3, 1, 3
	VZIP2 V3.S4, V1.S4, V7.S4 \
	VZIP1 V6.S4, V4.S4, V0.S4 \
	VZIP2 V6.S4, V4.S4, V1.S4 \
	VZIP1 V7.S4, V5.S4, V2.S4 \
	VZIP2 V7.S4, V5.S4, V3.S4

// STORE4 writes V0 … V3 to rows of dst.
#define STORE4 \
	VST1.P [V0.S4], (R0)(R2) \
	VST1.P [V1.S4], (R0)(R2) \
	VST1.P [V2.S4], (R0)(R2) \
	VST1.P [V3.S4], (R0)(R2)

// func transpose4NEON(dst []float32, w int, src []float32, stride, k int)
TEXT ·transpose4NEON(SB), NOSPLIT, $0-72
	MOVD dst_base+0(FP), R0
	MOVD w+24(FP), R2
	MOVD src_base+32(FP), R1
	MOVD stride+56(FP), R3
	MOVD k+64(FP), R7
	LSL  $2, R2
	LSL  $2, R3
	ADD  R3, R1, R4
	ADD  R3, R4, R5
	ADD  R3, R5, R6

loop: // do {
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R4), [V1.S4]
	VLD1.P 16(R5), [V2.S4]
	VLD1.P 16(R6), [V3.S4]
	TRANSPOSE
	STORE4
	SUB    $4, R7
	CBNZ   R7, loop // } while k -= 4, k > 0
	RET

// func transpose6NEON(dst, src []float32, stride, k int)
TEXT ·transpose6NEON(SB), NOSPLIT, $0-64
	MOVD dst_base+0(FP), R0
	MOVD src_base+24(FP), R1
	MOVD stride+48(FP), R3
	MOVD k+56(FP), R7
	LSL  $2, R3
	ADD  R3, R1, R4
	ADD  R3, R4, R5
	ADD  R3, R5, R6
	ADD  R3, R6, R8
	ADD  R3, R8, R9
	MOVD $16, R2
	MOVD $8, R10

loop: // do {
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R4), [V1.S4]
	VLD1.P 16(R5), [V2.S4]
	VLD1.P 16(R6), [V3.S4]
	VLD1.P 16(R8), [V16.S4]
	VLD1.P 16(R9), [V17.S4]
	TRANSPOSE
	VZIP1  V17.S4, V16.S4, V18.S4 // row 4, 5, 4, 5 of columns 0, 0, 1, 1
	VZIP2  V17.S4, V16.S4, V19.S4
	VST1.P [V0.S4], 16(R0)
	VST1.P V18.D[0], 8(R0)
	VST1.P [V1.S4], 16(R0)
	VST1.P V18.D[1], 8(R0)
	VST1.P [V2.S4], 16(R0)
	VST1.P V19.D[0], 8(R0)
	VST1.P [V3.S4], 16(R0)
	VST1.P V19.D[1], 8(R0)
	SUB    $4, R7
	CBNZ   R7, loop // } while k -= 4, k > 0
	RET

// func copy16BF16NEON(dst []float32, src []uint16, stride, k int)
TEXT ·copy16BF16NEON(SB), NOSPLIT, $0-64
	MOVD dst_base+0(FP), R0
	MOVD src_base+24(FP), R1
	MOVD stride+48(FP), R2
	MOVD k+56(FP), R3
	LSL  $1, R2

loop: // do {
	VLD1.P (R1)(R2), [V4.H8, V5.H8]
	SHIFTLOW(4, 0)
	SHIFTHIGH(4, 1)
	SHIFTLOW(5, 2)
	SHIFTHIGH(5, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB    $1, R3
	CBNZ   R3, loop // } while --k > 0
	RET

// func transpose4BF16NEON(dst []float32, w int, src []uint16, stride, k int)
TEXT ·transpose4BF16NEON(SB), NOSPLIT, $0-72
	MOVD dst_base+0(FP), R0
	MOVD w+24(FP), R2
	MOVD src_base+32(FP), R1
	MOVD stride+56(FP), R3
	MOVD k+64(FP), R7
	LSL  $2, R2
	LSL  $1, R3
	ADD  R3, R1, R4
	ADD  R3, R4, R5
	ADD  R3, R5, R6

loop: // do {
	VLD1.P 16(R1), [V16.H8]
	VLD1.P 16(R4), [V17.H8]
	VLD1.P 16(R5), [V18.H8]
	VLD1.P 16(R6), [V19.H8]
	SHIFTLOW(16, 0)
	SHIFTLOW(17, 1)
	SHIFTLOW(18, 2)
	SHIFTLOW(19, 3)
	TRANSPOSE
	STORE4
	SHIFTHIGH(16, 0)
	SHIFTHIGH(17, 1)
	SHIFTHIGH(18, 2)
	SHIFTHIGH(19, 3)
	TRANSPOSE
	STORE4
	SUB    $8, R7
	CBNZ   R7, loop // } while k -= 8, k > 0
	RET

// func prefetchRows(p uintptr, stride, rows, n int)
TEXT ·prefetchRows(SB), NOSPLIT, $0-32
	MOVD p+0(FP), R0
	MOVD stride+8(FP), R1
	MOVD rows+16(FP), R2
	MOVD n+24(FP), R3

row: // do {
	ADD R3, R0, R5
	MOVD R0, R4

line: // for p := row; p < row+n; p += 64 {
	PRFM (R4), PLDL2KEEP
	ADD  $64, R4
	CMP  R5, R4
	BLO  line // }
	ADD  R1, R0
	SUB  $1, R2
	CBNZ R2, row // } while --rows > 0
	RET
