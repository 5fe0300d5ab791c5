#include "textflag.h"
#include "neon_arm64.h"

// The constants of exp.go, and the registers that hold four of each.
DATA exp<>+0(SB)/4, $0xc2d00000 // expMin
DATA exp<>+4(SB)/4, $0x42b20000 // expMax
DATA exp<>+8(SB)/4, $0x3fb8aa3b // log2e
DATA exp<>+12(SB)/4, $0xbf317218 // -ln2Hi
DATA exp<>+16(SB)/4, $0x3102e308 // -ln2Lo
DATA exp<>+20(SB)/4, $0x3ab6a06a // expC6
DATA exp<>+24(SB)/4, $0x3c091da0 // expC5
DATA exp<>+28(SB)/4, $0x3d2aaa79 // expC4
DATA exp<>+32(SB)/4, $0x3e2aaa48 // expC3
DATA exp<>+36(SB)/4, $0x3f000000 // 1/2
DATA exp<>+40(SB)/4, $0x3f800000 // 1
DATA exp<>+44(SB)/4, $0x0000007f // the bias of an exponent
DATA exp<>+48(SB)/4, $0x3d372713 // geluK
DATA exp<>+52(SB)/4, $0x3e095d4f // 3*geluK
DATA exp<>+56(SB)/4, $0x3fcc422a // geluC
DATA exp<>+60(SB)/4, $0x3f200000 // tanhNear
DATA exp<>+64(SB)/4, $0xbbbaf0ea // tanhC4
DATA exp<>+68(SB)/4, $0x3ca9134e // tanhC3
DATA exp<>+72(SB)/4, $0xbd5c1e2d // tanhC2
DATA exp<>+76(SB)/4, $0x3e088393 // tanhC1
DATA exp<>+80(SB)/4, $0xbeaaaa99 // tanhC0
DATA exp<>+84(SB)/4, $0x40000000 // 2
GLOBL exp<>(SB), RODATA|NOPTR, $88

#define EXPMIN 20
#define EXPMAX 21
#define LOG2E  22
#define NLN2HI 23
#define NLN2LO 24
#define C6     25
#define C5     26
#define C4     27
#define C3     28
#define HALF   29
#define ONE    30
#define BIAS   31

#define GELUK  17
#define GELU3K 18
#define GELUC  19

#define NEAR 12
#define P4   13
#define P3   14
#define P2   15
#define P1   16
#define P0   17
#define TWO  18

// EXPCONSTANTS, GELUCONSTANTS and TANHCONSTANTS fill these registers. They use R8.
#define EXPCONSTANTS \
	MOVD    $exp<>(SB), R8       \
	VLD1R.P 4(R8), [V20.S4] \
	VLD1R.P 4(R8), [V21.S4] \
	VLD1R.P 4(R8), [V22.S4] \
	VLD1R.P 4(R8), [V23.S4] \
	VLD1R.P 4(R8), [V24.S4] \
	VLD1R.P 4(R8), [V25.S4] \
	VLD1R.P 4(R8), [V26.S4] \
	VLD1R.P 4(R8), [V27.S4] \
	VLD1R.P 4(R8), [V28.S4] \
	VLD1R.P 4(R8), [V29.S4] \
	VLD1R.P 4(R8), [V30.S4] \
	VLD1R.P 4(R8), [V31.S4]

#define GELUCONSTANTS \
	MOVD    $exp<>+48(SB), R8    \
	VLD1R.P 4(R8), [V17.S4] \
	VLD1R.P 4(R8), [V18.S4] \
	VLD1R.P 4(R8), [V19.S4]

#define TANHCONSTANTS \
	MOVD    $exp<>+60(SB), R8    \
	VLD1R.P 4(R8), [V12.S4] \
	VLD1R.P 4(R8), [V13.S4] \
	VLD1R.P 4(R8), [V14.S4] \
	VLD1R.P 4(R8), [V15.S4] \
	VLD1R.P 4(R8), [V16.S4] \
	VLD1R.P 4(R8), [V17.S4] \
	VLD1R.P 4(R8), [V18.S4]

// EXP is V(x) = Exp1(V(x)). It uses V1, V2 and V3. A NaN goes through all of it.
#define EXP(x) \
	FMAX(EXPMIN, x, x) \
	FMIN(EXPMAX, x, x) \
	FMUL(LOG2E, x, 1)  \
	FRINTN(1, 1)       \ // n
	FMLA(NLN2HI, 1, x) \
	FMLA(NLN2LO, 1, x) \ // r
	FCVTZS(1, 1)       \
	MOVE(C5, 2)        \
	FMLA(C6, x, 2)     \
	MOVE(C4, 3)        \
	FMLA(2, x, 3)      \
	MOVE(C3, 2)        \
	FMLA(3, x, 2)      \
	MOVE(HALF, 3)      \
	FMLA(2, x, 3)      \
	MOVE(ONE, 2)       \
	FMLA(3, x, 2)      \
	MOVE(ONE, 3)       \
	FMLA(2, x, 3)      \ // p
	HALVE(1, x)        \ // h = n >> 1
	ISUB(x, 1, 1)      \ // n - h
	IADD(BIAS, x, x)   \
	IADD(BIAS, 1, 1)   \
	EXPONENT(x, x)     \ // 2^h
	EXPONENT(1, 1)     \ // 2^(n-h)
	FMUL(x, 3, x)      \
	FMUL(1, x, x)

// func exp4NEON(dst, src []float32)
TEXT ·exp4NEON(SB), NOSPLIT, $0-48
	MOVD  dst_base+0(FP), R0
	MOVD  dst_len+8(FP), R3
	MOVD  src_base+24(FP), R1
	EXPCONSTANTS
	CBZ   R3, done

loop: // do {
	VLD1.P 16(R1), [V0.S4]
	EXP(0)
	VST1.P [V0.S4], 16(R0)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET

// func expScale4NEON(dst, src []float32, max, scale float32)
TEXT ·expScale4NEON(SB), NOSPLIT, $0-56
	MOVD  dst_base+0(FP), R0
	MOVD  dst_len+8(FP), R3
	MOVD  src_base+24(FP), R1
	MOVWU max+48(FP), R7
	VDUP  R7, V4.S4
	MOVWU scale+52(FP), R7
	VDUP  R7, V5.S4
	EXPCONSTANTS
	CBZ   R3, done

loop: // do {
	VLD1.P 16(R1), [V0.S4]
	FSUB(4, 0, 0)
	EXP(0)
	FMUL(5, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET

// func expSum16NEON(s *lanes, dst, src []float32, max float32)
TEXT ·expSum16NEON(SB), NOSPLIT, $0-60
	MOVD  s+0(FP), R2
	MOVD  dst_base+8(FP), R0
	MOVD  dst_len+16(FP), R3
	MOVD  src_base+32(FP), R1
	MOVWU max+56(FP), R7
	VDUP  R7, V12.S4
	EXPCONSTANTS
	VLD1  (R2), [V16.S4, V17.S4, V18.S4, V19.S4]
	CBZ   R3, done

loop: // do {
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	FSUB(12, 4, 4)
	FSUB(12, 5, 5)
	FSUB(12, 6, 6)
	FSUB(12, 7, 7)
	EXP(4)
	EXP(5)
	EXP(6)
	EXP(7)
	FADD(4, 16, 16)
	FADD(5, 17, 17)
	FADD(6, 18, 18)
	FADD(7, 19, 19)
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R0)
	SUB    $16, R3
	CBNZ   R3, loop // } while n -= 16, n > 0

done:
	VST1 [V16.S4, V17.S4, V18.S4, V19.S4], (R2)
	RET

// MOMENTS adds the four elements e in E and x in X to the sums of e in S, of e*x in D and D+1, and of e*e in Q and Q+1. It uses V4 to V7.
#define MOMENTS(E, X, S, D, Q) \
	FADD(E, S, S)     \
	DOUBLELOW(E, 4)   \
	DOUBLEHIGH(E, 5)  \
	DOUBLELOW(X, 6)   \
	DOUBLEHIGH(X, 7)  \
	FMLAD(6, 4, D)    \
	FMLAD(7, 5, D+1)  \
	FMLAD(4, 4, Q)    \
	FMLAD(5, 5, Q+1)

// func moments16NEON(s *lanes, d, q *lanes64, e, x []float32, max float32)
TEXT ·moments16NEON(SB), NOSPLIT, $0-76
	MOVD  s+0(FP), R0
	MOVD  d+8(FP), R1
	MOVD  q+16(FP), R2
	MOVD  e_base+24(FP), R4
	MOVD  e_len+32(FP), R3
	MOVD  x_base+48(FP), R5
	MOVWU max+72(FP), R7
	VDUP  R7, V3.S4
	CBZ   R3, done
	VLD1   (R0), [V8.S4, V9.S4, V10.S4, V11.S4]
	VLD1.P 64(R1), [V16.D2, V17.D2, V18.D2, V19.D2]
	VLD1   (R1), [V20.D2, V21.D2, V22.D2, V23.D2]
	VLD1.P 64(R2), [V24.D2, V25.D2, V26.D2, V27.D2]
	VLD1   (R2), [V28.D2, V29.D2, V30.D2, V31.D2]
	SUB    $64, R1
	SUB    $64, R2

loop: // do {
	VLD1.P 16(R4), [V0.S4]
	VLD1.P 16(R5), [V1.S4]
	FSUB(3, 1, 1)
	MOMENTS(0, 1, 8, 16, 24)
	VLD1.P 16(R4), [V0.S4]
	VLD1.P 16(R5), [V1.S4]
	FSUB(3, 1, 1)
	MOMENTS(0, 1, 9, 18, 26)
	VLD1.P 16(R4), [V0.S4]
	VLD1.P 16(R5), [V1.S4]
	FSUB(3, 1, 1)
	MOMENTS(0, 1, 10, 20, 28)
	VLD1.P 16(R4), [V0.S4]
	VLD1.P 16(R5), [V1.S4]
	FSUB(3, 1, 1)
	MOMENTS(0, 1, 11, 22, 30)
	SUB    $16, R3
	CBNZ   R3, loop // } while n -= 16, n > 0
	VST1   [V8.S4, V9.S4, V10.S4, V11.S4], (R0)
	VST1.P [V16.D2, V17.D2, V18.D2, V19.D2], 64(R1)
	VST1   [V20.D2, V21.D2, V22.D2, V23.D2], (R1)
	VST1.P [V24.D2, V25.D2, V26.D2, V27.D2], 64(R2)
	VST1   [V28.D2, V29.D2, V30.D2, V31.D2], (R2)

done:
	RET

// func softmaxGrad4NEON(p, ds, s []float32, lse, delta float32)
TEXT ·softmaxGrad4NEON(SB), NOSPLIT, $0-80
	MOVD  p_base+0(FP), R0
	MOVD  p_len+8(FP), R3
	MOVD  ds_base+24(FP), R1
	MOVD  s_base+48(FP), R2
	MOVWU lse+72(FP), R7
	VDUP  R7, V4.S4
	MOVWU delta+76(FP), R7
	VDUP  R7, V5.S4
	EXPCONSTANTS
	CBZ   R3, done

loop: // do {
	VLD1.P 16(R2), [V0.S4]
	VLD1   (R1), [V6.S4]
	FSUB(4, 0, 0)
	EXP(0)
	FSUB(5, 6, 6)
	FMUL(6, 0, 6)
	VST1.P [V0.S4], 16(R0)
	VST1.P [V6.S4], 16(R1)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET

// SIGMOID is V0 = 1/(1 + Exp1(-V0)).
#define SIGMOID \
	FNEG(0, 0)      \
	EXP(0)          \
	FADD(ONE, 0, 0) \
	FDIV(0, ONE, 0)

// func swiglu4NEON(dst, gate, up []float32)
TEXT ·swiglu4NEON(SB), NOSPLIT, $0-72
	MOVD  dst_base+0(FP), R0
	MOVD  dst_len+8(FP), R3
	MOVD  gate_base+24(FP), R1
	MOVD  up_base+48(FP), R2
	EXPCONSTANTS
	CBZ   R3, done

loop: // do {
	VLD1.P 16(R1), [V4.S4]
	VLD1.P 16(R2), [V5.S4]
	FNEG(4, 0)
	EXP(0)
	FADD(ONE, 0, 0)
	FDIV(0, 4, 0)
	FMUL(5, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET

// func swigluGrad4NEON(dgate, dup, dout, gate, up []float32)
TEXT ·swigluGrad4NEON(SB), NOSPLIT, $0-120
	MOVD  dgate_base+0(FP), R0
	MOVD  dgate_len+8(FP), R3
	MOVD  dup_base+24(FP), R1
	MOVD  dout_base+48(FP), R2
	MOVD  gate_base+72(FP), R4
	MOVD  up_base+96(FP), R5
	EXPCONSTANTS
	CBZ   R3, done

loop: // do {
	VLD1.P 16(R4), [V4.S4]
	VLD1.P 16(R5), [V5.S4]
	VLD1.P 16(R2), [V6.S4]
	MOVE(4, 0)
	SIGMOID             // s
	FMUL(0, 4, 4)       // g*s
	FSUB(0, ONE, 1)     // 1-s
	FMUL(5, 6, 5)       // dout*up
	FMLA(1, 4, 0)       // g*s*(1-s) + s
	FMUL(4, 6, 6)
	FMUL(0, 5, 0)
	VST1.P [V0.S4], 16(R0)
	VST1.P [V6.S4], 16(R1)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET

// func silu4NEON(y, x []float32)
TEXT ·silu4NEON(SB), NOSPLIT, $0-48
	MOVD  y_base+0(FP), R0
	MOVD  y_len+8(FP), R3
	MOVD  x_base+24(FP), R1
	EXPCONSTANTS
	CBZ   R3, done

loop: // do {
	VLD1.P 16(R1), [V4.S4]
	MOVE(4, 0)
	SIGMOID
	FMUL(4, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET

// func siluGrad4NEON(y, slope, x []float32)
TEXT ·siluGrad4NEON(SB), NOSPLIT, $0-72
	MOVD  y_base+0(FP), R0
	MOVD  y_len+8(FP), R3
	MOVD  slope_base+24(FP), R1
	MOVD  x_base+48(FP), R2
	EXPCONSTANTS
	CBZ   R3, done

loop: // do {
	VLD1.P 16(R2), [V4.S4]
	MOVE(4, 0)
	SIGMOID         // s
	FSUB(0, ONE, 1) // 1-s
	FMUL(1, 4, 1)
	FADD(ONE, 1, 1)
	FMUL(1, 0, 1)
	FMUL(4, 0, 0)
	VST1.P [V0.S4], 16(R0)
	VST1.P [V1.S4], 16(R1)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET

// ARGUMENT is V0 = c*(V4*(1 + k*V4*V4)).
#define ARGUMENT \
	FMUL(GELUK, 4, 0) \
	FMUL(4, 0, 0)     \
	FADD(ONE, 0, 0)   \
	FMUL(4, 0, 0)     \
	FMUL(GELUC, 0, 0)

// func geluTanh4NEON(y, x []float32)
TEXT ·geluTanh4NEON(SB), NOSPLIT, $0-48
	MOVD  y_base+0(FP), R0
	MOVD  y_len+8(FP), R3
	MOVD  x_base+24(FP), R1
	EXPCONSTANTS
	GELUCONSTANTS
	CBZ   R3, done

loop: // do {
	VLD1.P 16(R1), [V4.S4]
	ARGUMENT
	SIGMOID
	FMUL(4, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET

// func geluTanhGrad4NEON(y, slope, x []float32)
TEXT ·geluTanhGrad4NEON(SB), NOSPLIT, $0-72
	MOVD  y_base+0(FP), R0
	MOVD  y_len+8(FP), R3
	MOVD  slope_base+24(FP), R1
	MOVD  x_base+48(FP), R2
	EXPCONSTANTS
	GELUCONSTANTS
	CBZ   R3, done

loop: // do {
	VLD1.P 16(R2), [V4.S4]
	ARGUMENT
	SIGMOID           // s
	FSUB(0, ONE, 2)   // 1-s
	FMUL(GELU3K, 4, 1)
	FMUL(4, 1, 1)
	FADD(ONE, 1, 1)
	FMUL(GELUC, 1, 1) // the derivative of the argument
	FMUL(1, 4, 1)
	FMUL(2, 1, 1)
	FADD(ONE, 1, 1)
	FMUL(1, 0, 1)
	FMUL(4, 0, 0)
	VST1.P [V0.S4], 16(R0)
	VST1.P [V1.S4], 16(R1)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET

// func softCap4NEON(x, slopes []float32, cap float32)
TEXT ·softCap4NEON(SB), NOSPLIT, $0-52
	MOVD  x_base+0(FP), R0
	MOVD  x_len+8(FP), R3
	MOVD  slopes_base+24(FP), R1
	MOVD  slopes_len+32(FP), R2
	MOVWU cap+48(FP), R7
	VDUP  R7, V5.S4
	EXPCONSTANTS
	TANHCONSTANTS
	CBZ   R3, done

loop: // do {
	VLD1   (R0), [V4.S4]
	FDIV(5, 4, 4)     // v
	FMUL(TWO, 4, 0)
	EXP(0)
	FADD(ONE, 0, 0)
	FDIV(0, TWO, 0)
	FSUB(0, ONE, 0)   // 1 - 2/(1 + e^2v)
	FMUL(4, 4, 1)     // s
	FMUL(P4, 1, 2)
	FADD(P3, 2, 2)
	FMUL(1, 2, 2)
	FADD(P2, 2, 2)
	FMUL(1, 2, 2)
	FADD(P1, 2, 2)
	FMUL(1, 2, 2)
	FADD(P0, 2, 2)    // p
	FMUL(1, 2, 2)
	FMUL(4, 2, 2)
	FADD(2, 4, 2)     // v + p*s*v
	FABS(4, 3)
	FCMGT(3, NEAR, 3) // NEAR > |v|
	SELECT(0, 2, 3)   // t
	FMUL(3, 5, 4)
	VST1.P [V4.S4], 16(R0)
	CBZ    R2, next
	FMUL(3, 3, 0)
	FSUB(0, ONE, 0)
	VST1.P [V0.S4], 16(R1)

next:
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET
