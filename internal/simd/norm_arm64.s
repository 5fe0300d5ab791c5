#include "textflag.h"
#include "neon_arm64.h"

// Lanes of float64, two a register: 0 and 1 in V16, … 14 and 15 in V23.
#define LOAD64 \
	VLD1.P 64(R0), [V16.D2, V17.D2, V18.D2, V19.D2] \
	VLD1   (R0), [V20.D2, V21.D2, V22.D2, V23.D2]   \
	SUB    $64, R0

#define STORE64 \
	VST1.P [V16.D2, V17.D2, V18.D2, V19.D2], 64(R0) \
	VST1   [V20.D2, V21.D2, V22.D2, V23.D2], (R0)

// func sum6416NEON(s *lanes64, a []float32)
TEXT ·sum6416NEON(SB), NOSPLIT, $0-32
	MOVD s+0(FP), R0
	MOVD a_base+8(FP), R1
	MOVD a_len+16(FP), R3
	CBZ  R3, done
	LOAD64

loop: // do {
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	DOUBLELOW(0, 4)
	DOUBLEHIGH(0, 5)
	DOUBLELOW(1, 6)
	DOUBLEHIGH(1, 7)
	FADDD(4, 16, 16)
	FADDD(5, 17, 17)
	FADDD(6, 18, 18)
	FADDD(7, 19, 19)
	DOUBLELOW(2, 4)
	DOUBLEHIGH(2, 5)
	DOUBLELOW(3, 6)
	DOUBLEHIGH(3, 7)
	FADDD(4, 20, 20)
	FADDD(5, 21, 21)
	FADDD(6, 22, 22)
	FADDD(7, 23, 23)
	SUB    $16, R3
	CBNZ   R3, loop // } while n -= 16, n > 0
	STORE64

done:
	RET

// SQUARES adds (X - mean)², of the four float32s in X, to S and S+1. It uses V4 and V5; the mean is in V24.
#define SQUARES(X, S) \
	DOUBLELOW(X, 4)  \
	DOUBLEHIGH(X, 5) \
	FSUBD(24, 4, 4)  \
	FSUBD(24, 5, 5)  \
	FMULD(4, 4, 4)   \
	FMULD(5, 5, 5)   \
	FADDD(4, S, S)   \
	FADDD(5, S+1, S+1)

// func sumSq16NEON(s *lanes64, a []float32, mean float64)
TEXT ·sumSq16NEON(SB), NOSPLIT, $0-40
	MOVD s+0(FP), R0
	MOVD a_base+8(FP), R1
	MOVD a_len+16(FP), R3
	MOVD mean+32(FP), R7
	VDUP R7, V24.D2
	CBZ  R3, done
	LOAD64

loop: // do {
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	SQUARES(0, 16)
	SQUARES(1, 18)
	SQUARES(2, 20)
	SQUARES(3, 22)
	SUB    $16, R3
	CBNZ   R3, loop // } while n -= 16, n > 0
	STORE64

done:
	RET

// func normalize4NEON(y, x, g, b []float32, plus, mean, r float64)
TEXT ·normalize4NEON(SB), NOSPLIT, $0-120
	MOVD y_base+0(FP), R0
	MOVD y_len+8(FP), R3
	MOVD x_base+24(FP), R1
	MOVD g_base+48(FP), R2
	MOVD b_base+72(FP), R4
	MOVD b_len+80(FP), R5
	MOVD plus+96(FP), R7
	VDUP R7, V24.D2
	MOVD mean+104(FP), R7
	VDUP R7, V25.D2
	MOVD r+112(FP), R7
	VDUP R7, V26.D2
	CBZ  R3, done

loop: // do {
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R2), [V1.S4]
	DOUBLELOW(0, 4)
	DOUBLEHIGH(0, 5)
	DOUBLELOW(1, 6)
	DOUBLEHIGH(1, 7)
	FSUBD(25, 4, 4)
	FSUBD(25, 5, 5)
	FADDD(6, 24, 6)
	FADDD(7, 24, 7)
	FMULD(26, 4, 4)
	FMULD(26, 5, 5)
	FMULD(6, 4, 4)
	FMULD(7, 5, 5)
	CBZ    R5, store
	VLD1.P 16(R4), [V1.S4]
	DOUBLELOW(1, 6)
	DOUBLEHIGH(1, 7)
	FADDD(6, 4, 4)
	FADDD(7, 5, 5)

store:
	SINGLELOW(4, 0)
	SINGLEHIGH(5, 0)
	VST1.P [V0.S4], 16(R0)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET

// func normSums16NEON(s, d *lanes, u, x, g, dg, db []float32, plus, mean, r float32)
//
// sum's lanes are in V16 to V19, dot's in V20 to V23.
TEXT ·normSums16NEON(SB), NOSPLIT, $0-148
	MOVD  s+0(FP), R0
	MOVD  d+8(FP), R1
	MOVD  u_base+16(FP), R2
	MOVD  u_len+24(FP), R3
	MOVD  x_base+40(FP), R4
	MOVD  g_base+64(FP), R5
	MOVD  dg_base+88(FP), R6
	MOVD  dg_len+96(FP), R8
	MOVD  db_base+112(FP), R9
	MOVD  db_len+120(FP), R10
	MOVWU plus+136(FP), R7
	VDUP  R7, V28.S4
	MOVWU mean+140(FP), R7
	VDUP  R7, V29.S4
	MOVWU r+144(FP), R7
	VDUP  R7, V30.S4
	CBZ   R3, done
	VLD1  (R0), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1  (R1), [V20.S4, V21.S4, V22.S4, V23.S4]

loop: // do {
	VLD1   (R2), [V0.S4, V1.S4, V2.S4, V3.S4] // dy
	VLD1.P 64(R4), [V4.S4, V5.S4, V6.S4, V7.S4]
	FSUB(29, 4, 4) // x - mean
	FSUB(29, 5, 5)
	FSUB(29, 6, 6)
	FSUB(29, 7, 7)
	CBZ    R8, bias
	VLD1   (R6), [V8.S4, V9.S4, V10.S4, V11.S4]
	FMUL(30, 4, 12)
	FMUL(30, 5, 13)
	FMUL(30, 6, 14)
	FMUL(30, 7, 15)
	FMLA(0, 12, 8)
	FMLA(1, 13, 9)
	FMLA(2, 14, 10)
	FMLA(3, 15, 11)
	VST1.P [V8.S4, V9.S4, V10.S4, V11.S4], 64(R6)

bias:
	CBZ    R10, weighted
	VLD1   (R9), [V8.S4, V9.S4, V10.S4, V11.S4]
	FADD(0, 8, 8)
	FADD(1, 9, 9)
	FADD(2, 10, 10)
	FADD(3, 11, 11)
	VST1.P [V8.S4, V9.S4, V10.S4, V11.S4], 64(R9)

weighted:
	VLD1.P 64(R5), [V8.S4, V9.S4, V10.S4, V11.S4]
	FADD(8, 28, 8)
	FADD(9, 28, 9)
	FADD(10, 28, 10)
	FADD(11, 28, 11)
	FMUL(8, 0, 0)
	FMUL(9, 1, 1)
	FMUL(10, 2, 2)
	FMUL(11, 3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R2)
	FADD(0, 16, 16)
	FADD(1, 17, 17)
	FADD(2, 18, 18)
	FADD(3, 19, 19)
	FMLA(0, 4, 20)
	FMLA(1, 5, 21)
	FMLA(2, 6, 22)
	FMLA(3, 7, 23)
	SUB    $16, R3
	CBNZ   R3, loop // } while n -= 16, n > 0
	VST1   [V16.S4, V17.S4, V18.S4, V19.S4], (R0)
	VST1   [V20.S4, V21.S4, V22.S4, V23.S4], (R1)

done:
	RET

// func normGrad4NEON(dx, u, x []float32, r, shift, slope, mean float32, add bool)
TEXT ·normGrad4NEON(SB), NOSPLIT, $0-89
	MOVD  dx_base+0(FP), R0
	MOVD  dx_len+8(FP), R3
	MOVD  u_base+24(FP), R1
	MOVD  x_base+48(FP), R2
	MOVWU r+72(FP), R7
	VDUP  R7, V24.S4
	MOVWU shift+76(FP), R7
	VDUP  R7, V25.S4
	MOVWU slope+80(FP), R7
	VDUP  R7, V26.S4
	MOVWU mean+84(FP), R7
	VDUP  R7, V27.S4
	MOVBU add+88(FP), R4
	CBZ   R3, done

loop: // do {
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R2), [V1.S4]
	FSUB(25, 0, 0)
	FSUB(27, 1, 1)
	FMUL(24, 0, 0)
	FMLS(1, 26, 0) // - slope*(x - mean)
	CBZ    R4, store
	VLD1   (R0), [V1.S4]
	FADD(1, 0, 0)

store:
	VST1.P [V0.S4], 16(R0)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET
