#include "textflag.h"
#include "go_asm.h"
#include "neon_arm64.h"

// Elements are taken in whole groups: of 16 for reductions, whose lanes are in memory meanwhile, else of 4. The callers in Go do the rest.

// func dot16NEON(s *lanes, a, b []float32)
TEXT ·dot16NEON(SB), NOSPLIT, $0-56
	MOVD s+0(FP), R0
	MOVD a_base+8(FP), R1
	MOVD a_len+16(FP), R3
	MOVD b_base+32(FP), R2
	VLD1 (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	CBZ  R3, done

loop: // do {
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	VLD1.P 64(R2), [V16.S4, V17.S4, V18.S4, V19.S4]
	FMLA(16, 4, 0)
	FMLA(17, 5, 1)
	FMLA(18, 6, 2)
	FMLA(19, 7, 3)
	SUB    $16, R3
	CBNZ   R3, loop // } while n -= 16, n > 0

done:
	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R0)
	RET

// GREATER is M = X where X > M, else M, so M where X is a NaN. It overwrites T.
#define GREATER(X, T, M) \
	FCMGT(M, X, T)  \
	SELECT(M, X, T) \
	MOVE(T, M)

// func max16NEON(a []float32) float32
TEXT ·max16NEON(SB), NOSPLIT, $0-28
	MOVD a_base+0(FP), R1
	MOVD a_len+8(FP), R3
	MOVD $0xff800000, R4 // -Inf
	VDUP R4, V0.S4
	MOVE(0, 1)
	MOVE(0, 2)
	MOVE(0, 3)
	CBZ  R3, done

loop: // do {
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	GREATER(4, 16, 0)
	GREATER(5, 17, 1)
	GREATER(6, 18, 2)
	GREATER(7, 19, 3)
	SUB    $16, R3
	CBNZ   R3, loop // } while n -= 16, n > 0

done:
	GREATER(2, 16, 0)
	GREATER(3, 17, 1)
	GREATER(1, 16, 0)
	VEXT  $8, V0.B16, V0.B16, V1.B16
	GREATER(1, 16, 0)
	VEXT  $4, V0.B16, V0.B16, V1.B16
	GREATER(1, 16, 0)
	FMOVS F0, ret+24(FP)
	RET

// SIXTEEN jumps to four when fewer than 16 elements are left.
#define SIXTEEN(n, four) \
	CMP $16, n \
	BLT four

// func axpy4NEON(dst []float32, a float32, x []float32)
TEXT ·axpy4NEON(SB), NOSPLIT, $0-56
	MOVD   dst_base+0(FP), R0
	MOVD   dst_len+8(FP), R3
	MOVWU  a+24(FP), R4
	MOVD   x_base+32(FP), R1
	VDUP   R4, V20.S4
	SIXTEEN(R3, four)

loop: // while n >= 16 {
	VLD1   (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	FMLA(20, 4, 0)
	FMLA(20, 5, 1)
	FMLA(20, 6, 2)
	FMLA(20, 7, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB    $16, R3
	SIXTEEN(R3, four)
	JMP    loop // }

four: // while n > 0 {
	CBZ    R3, done
	VLD1   (R0), [V0.S4]
	VLD1.P 16(R1), [V4.S4]
	FMLA(20, 4, 0)
	VST1.P [V0.S4], 16(R0)
	SUB    $4, R3
	JMP    four // }

done:
	RET

// func scale4NEON(dst []float32, a float32)
TEXT ·scale4NEON(SB), NOSPLIT, $0-28
	MOVD  dst_base+0(FP), R0
	MOVD  dst_len+8(FP), R3
	MOVWU a+24(FP), R4
	VDUP  R4, V20.S4
	SIXTEEN(R3, four)

loop: // while n >= 16 {
	VLD1   (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	FMUL(20, 0, 0)
	FMUL(20, 1, 1)
	FMUL(20, 2, 2)
	FMUL(20, 3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB    $16, R3
	SIXTEEN(R3, four)
	JMP    loop // }

four: // while n > 0 {
	CBZ    R3, done
	VLD1   (R0), [V0.S4]
	FMUL(20, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUB    $4, R3
	JMP    four // }

done:
	RET

// func add4NEON(dst, a, b []float32)
TEXT ·add4NEON(SB), NOSPLIT, $0-72
	MOVD dst_base+0(FP), R0
	MOVD dst_len+8(FP), R3
	MOVD a_base+24(FP), R1
	MOVD b_base+48(FP), R2
	SIXTEEN(R3, four)

loop: // while n >= 16 {
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R2), [V4.S4, V5.S4, V6.S4, V7.S4]
	FADD(4, 0, 0)
	FADD(5, 1, 1)
	FADD(6, 2, 2)
	FADD(7, 3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB    $16, R3
	SIXTEEN(R3, four)
	JMP    loop // }

four: // while n > 0 {
	CBZ    R3, done
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R2), [V4.S4]
	FADD(4, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUB    $4, R3
	JMP    four // }

done:
	RET

// func mul4NEON(dst, x []float32)
TEXT ·mul4NEON(SB), NOSPLIT, $0-48
	MOVD dst_base+0(FP), R0
	MOVD dst_len+8(FP), R3
	MOVD x_base+24(FP), R1
	SIXTEEN(R3, four)

loop: // while n >= 16 {
	VLD1   (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	FMUL(4, 0, 0)
	FMUL(5, 1, 1)
	FMUL(6, 2, 2)
	FMUL(7, 3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB    $16, R3
	SIXTEEN(R3, four)
	JMP    loop // }

four: // while n > 0 {
	CBZ    R3, done
	VLD1   (R0), [V0.S4]
	VLD1.P 16(R1), [V4.S4]
	FMUL(4, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUB    $4, R3
	JMP    four // }

done:
	RET

// func mulAdd4NEON(dst, a, b []float32)
TEXT ·mulAdd4NEON(SB), NOSPLIT, $0-72
	MOVD dst_base+0(FP), R0
	MOVD dst_len+8(FP), R3
	MOVD a_base+24(FP), R1
	MOVD b_base+48(FP), R2
	SIXTEEN(R3, four)

loop: // while n >= 16 {
	VLD1   (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	VLD1.P 64(R2), [V16.S4, V17.S4, V18.S4, V19.S4]
	FMLA(16, 4, 0)
	FMLA(17, 5, 1)
	FMLA(18, 6, 2)
	FMLA(19, 7, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB    $16, R3
	SIXTEEN(R3, four)
	JMP    loop // }

four: // while n > 0 {
	CBZ    R3, done
	VLD1   (R0), [V0.S4]
	VLD1.P 16(R1), [V4.S4]
	VLD1.P 16(R2), [V16.S4]
	FMLA(16, 4, 0)
	VST1.P [V0.S4], 16(R0)
	SUB    $4, R3
	JMP    four // }

done:
	RET

// func rotate4NEON(a, b, cos, sin []float32, turn float32)
TEXT ·rotate4NEON(SB), NOSPLIT, $0-100
	MOVD  a_base+0(FP), R0
	MOVD  a_len+8(FP), R3
	MOVD  b_base+24(FP), R1
	MOVD  cos_base+48(FP), R2
	MOVD  sin_base+72(FP), R4
	MOVWU turn+96(FP), R5
	VDUP  R5, V20.S4
	CBZ   R3, done

loop: // do {
	VLD1   (R0), [V0.S4]
	VLD1   (R1), [V1.S4]
	VLD1.P 16(R2), [V2.S4]
	VLD1.P 16(R4), [V3.S4]
	FMUL(3, 20, 3)
	FMUL(2, 0, 4) // a*c
	FMUL(3, 1, 5) // b*s
	FMUL(2, 1, 6) // b*c
	FMUL(3, 0, 7) // a*s
	FSUB(5, 4, 0)
	FADD(7, 6, 1)
	VST1.P [V0.S4], 16(R0)
	VST1.P [V1.S4], 16(R1)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET

// func index16NEON(a []float32, x float32) int
//
// The number of elements in groups before the first with an x.
TEXT ·index16NEON(SB), NOSPLIT, $0-40
	MOVD  a_base+0(FP), R1
	MOVD  a_len+8(FP), R3
	MOVWU x+24(FP), R4
	MOVD  R3, R2
	VDUP  R4, V20.S4
	CBZ   R3, done

loop: // do {
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	FCMEQ(20, 0, 0)
	FCMEQ(20, 1, 1)
	FCMEQ(20, 2, 2)
	FCMEQ(20, 3, 3)
	VORR   V1.B16, V0.B16, V0.B16
	VORR   V3.B16, V2.B16, V2.B16
	VORR   V2.B16, V0.B16, V0.B16
	VMOV   V0.D[0], R5
	VMOV   V0.D[1], R6
	ORR    R6, R5
	CBNZ   R5, done
	SUB    $16, R3
	CBNZ   R3, loop // } while n -= 16, n > 0

done:
	SUB  R3, R2
	MOVD R2, ret+32(FP)
	RET

// Registers of the numbers of AdamW.
#define SCALE  20
#define BLEND1 21
#define BETA2  22
#define BLEND2 23
#define ROOT   24
#define EPS    25
#define KEEP   26
#define RATE   27

// NUMBER spreads a number of AdamW over the four elements of V.
#define NUMBER(field, V) \
	MOVWU field(R5), R6 \
	VDUP  R6, V

// func adamw4NEON(w, g, m, v []float32, f *AdamW)
TEXT ·adamw4NEON(SB), NOSPLIT, $0-104
	MOVD w_base+0(FP), R0
	MOVD w_len+8(FP), R3
	MOVD g_base+24(FP), R1
	MOVD m_base+48(FP), R2
	MOVD v_base+72(FP), R4
	MOVD f+96(FP), R5
	NUMBER(AdamW_Scale, V20.S4)
	NUMBER(AdamW_Blend1, V21.S4)
	NUMBER(AdamW_Beta2, V22.S4)
	NUMBER(AdamW_Blend2, V23.S4)
	NUMBER(AdamW_Root, V24.S4)
	NUMBER(AdamW_Epsilon, V25.S4)
	NUMBER(AdamW_Keep, V26.S4)
	NUMBER(AdamW_Rate, V27.S4)
	ZERO(5)
	CBZ  R3, done

loop: // do {
	VLD1   (R0), [V0.S4]
	VLD1   (R1), [V1.S4]
	VLD1   (R2), [V2.S4]
	VLD1   (R4), [V3.S4]
	FMUL(SCALE, 1, 1) // g
	FSUB(2, 1, 4)
	FMUL(BLEND1, 4, 4)
	FADD(4, 2, 2) // m
	FMUL(BLEND2, 1, 4)
	FMUL(1, 4, 4)
	FMUL(BETA2, 3, 3)
	FADD(4, 3, 3) // v
	FSQRT(3, 4)
	FDIV(ROOT, 4, 4)
	FADD(EPS, 4, 4)
	FMUL(RATE, 2, 1)
	FDIV(4, 1, 1)
	FMUL(KEEP, 0, 0)
	FADD(1, 0, 0)
	VST1.P [V0.S4], 16(R0)
	VST1.P [V5.S4], 16(R1)
	VST1.P [V2.S4], 16(R2)
	VST1.P [V3.S4], 16(R4)
	SUB    $4, R3
	CBNZ   R3, loop // } while n -= 4, n > 0

done:
	RET

// func widenBF168NEON(dst []float32, src []uint16): a multiple of 8 elements
TEXT ·widenBF168NEON(SB), NOSPLIT, $0-48
	MOVD dst_base+0(FP), R0
	MOVD dst_len+8(FP), R3
	MOVD src_base+24(FP), R1
	CBZ  R3, done

loop: // do {
	VLD1.P 16(R1), [V2.H8]
	SHIFTLOW(2, 0)
	SHIFTHIGH(2, 1)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUB    $8, R3
	CBNZ   R3, loop // } while n -= 8, n > 0

done:
	RET

// func widenF168NEON(dst []float32, src []uint16): a multiple of 8 elements
TEXT ·widenF168NEON(SB), NOSPLIT, $0-48
	MOVD dst_base+0(FP), R0
	MOVD dst_len+8(FP), R3
	MOVD src_base+24(FP), R1
	CBZ  R3, done

loop: // do {
	VLD1.P 16(R1), [V2.H8]
	HALFLOW(2, 0)
	HALFHIGH(2, 1)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUB    $8, R3
	CBNZ   R3, loop // } while n -= 8, n > 0

done:
	RET

// func widen4x16NEON(dst []float32, codes []byte, values *[16]float32, scale float32): a multiple of 16 elements
TEXT ·widen4x16NEON(SB), NOSPLIT, $0-60
	MOVD  dst_base+0(FP), R0
	MOVD  dst_len+8(FP), R3
	MOVD  codes_base+24(FP), R1
	MOVD  values+48(FP), R2
	MOVWU scale+56(FP), R4
	VDUP  R4, V20.S4
	MOVD  $0x03020100, R4 // the bytes of an element
	VDUP  R4, V21.S4
	VMOVI $15, V22.B16
	VLD1  (R2), [V16.B16, V17.B16, V18.B16, V19.B16]
	CBZ   R3, done

loop: // do {
	FMOVD (R1), F4
	ADD   $8, R1
	VUSHR $4, V4.B16, V5.B16
	VAND  V22.B16, V4.B16, V6.B16
	VZIP1 V6.B16, V5.B16, V4.B16 // 16 codes
	VSHL  $2, V4.B16, V4.B16     // and where their values begin
	VZIP1 V4.B16, V4.B16, V5.B16
	VZIP2 V4.B16, V4.B16, V6.B16
	VZIP1 V5.B16, V5.B16, V0.B16 // each four times
	VZIP2 V5.B16, V5.B16, V1.B16
	VZIP1 V6.B16, V6.B16, V2.B16
	VZIP2 V6.B16, V6.B16, V3.B16
	VORR  V21.B16, V0.B16, V0.B16
	VORR  V21.B16, V1.B16, V1.B16
	VORR  V21.B16, V2.B16, V2.B16
	VORR  V21.B16, V3.B16, V3.B16
	VTBL  V0.B16, [V16.B16, V17.B16, V18.B16, V19.B16], V0.B16
	VTBL  V1.B16, [V16.B16, V17.B16, V18.B16, V19.B16], V1.B16
	VTBL  V2.B16, [V16.B16, V17.B16, V18.B16, V19.B16], V2.B16
	VTBL  V3.B16, [V16.B16, V17.B16, V18.B16, V19.B16], V3.B16
	FMUL(20, 0, 0)
	FMUL(20, 1, 1)
	FMUL(20, 2, 2)
	FMUL(20, 3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB   $16, R3
	CBNZ  R3, loop // } while n -= 16, n > 0

done:
	RET
