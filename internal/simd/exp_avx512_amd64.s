#include "textflag.h"
#include "lanes512_amd64.h"

// The constants of Exp1, of GELUTanh and of tanh near 0. See exp.go.
DATA exp512<>+0(SB)/4, $0xc2d00000  // expMin
DATA exp512<>+4(SB)/4, $0x42b20000  // expMax
DATA exp512<>+8(SB)/4, $0x3fb8aa3b  // log2e
DATA exp512<>+12(SB)/4, $0xbf317218 // -ln2Hi
DATA exp512<>+16(SB)/4, $0x3102e308 // -ln2Lo
DATA exp512<>+20(SB)/4, $0x3ab6a06a // c6
DATA exp512<>+24(SB)/4, $0x3c091da0 // c5
DATA exp512<>+28(SB)/4, $0x3d2aaa79 // c4
DATA exp512<>+32(SB)/4, $0x3e2aaa48 // c3
DATA exp512<>+36(SB)/4, $0x3f000000 // 1/2
DATA exp512<>+40(SB)/4, $0x3f800000 // 1
DATA exp512<>+44(SB)/4, $0x80000000 // the sign
DATA exp512<>+48(SB)/4, $0x3d372713 // geluK
DATA exp512<>+52(SB)/4, $0x3e095d4f // 3*geluK
DATA exp512<>+56(SB)/4, $0x3fcc422a // geluC
DATA exp512<>+60(SB)/4, $0x3f200000 // tanhNear
DATA exp512<>+64(SB)/4, $0xbbbaf0ea // tanhC4
DATA exp512<>+68(SB)/4, $0x3ca9134e // tanhC3
DATA exp512<>+72(SB)/4, $0xbd5c1e2d // tanhC2
DATA exp512<>+76(SB)/4, $0x3e088393 // tanhC1
DATA exp512<>+80(SB)/4, $0xbeaaaa99 // tanhC0
DATA exp512<>+84(SB)/4, $0x40000000 // 2
DATA exp512<>+88(SB)/4, $0x7fffffff // all but the sign
GLOBL exp512<>(SB), RODATA|NOPTR, $92

#define EXPMIN Z31
#define EXPMAX Z30
#define LOG2E  Z29
#define NLN2HI Z28
#define NLN2LO Z27
#define C6     Z26
#define C5     Z25
#define C4     Z24
#define C3     Z23
#define HALF   Z22
#define ONE    Z21
#define SIGN   Z20

#define CONSTANTS \
	VBROADCASTSS exp512<>+0(SB), EXPMIN  \
	VBROADCASTSS exp512<>+4(SB), EXPMAX  \
	VBROADCASTSS exp512<>+8(SB), LOG2E   \
	VBROADCASTSS exp512<>+12(SB), NLN2HI \
	VBROADCASTSS exp512<>+16(SB), NLN2LO \
	VBROADCASTSS exp512<>+20(SB), C6     \
	VBROADCASTSS exp512<>+24(SB), C5     \
	VBROADCASTSS exp512<>+28(SB), C4     \
	VBROADCASTSS exp512<>+32(SB), C3     \
	VBROADCASTSS exp512<>+36(SB), HALF   \
	VBROADCASTSS exp512<>+40(SB), ONE    \
	VBROADCASTSS exp512<>+44(SB), SIGN

// EXP is Z0 = Exp1(Z0). It uses Z1 and Z2. A NaN is the operand that VMAXPS and VMINPS hand on. VSCALEFPS multiplies with 2^n and rounds
// once, as the two multiplications do of which only the last can round.
#define EXP \
	VMAXPS      Z0, EXPMIN, Z1 \
	VMINPS      Z1, EXPMAX, Z1 \ // x
	VMULPS      LOG2E, Z1, Z2  \
	VRNDSCALEPS $8, Z2, Z2     \ // n
	VFMADD231PS NLN2HI, Z2, Z1 \
	VFMADD231PS NLN2LO, Z2, Z1 \ // r
	VMOVAPS     C6, Z0         \
	VFMADD213PS C5, Z1, Z0     \
	VFMADD213PS C4, Z1, Z0     \
	VFMADD213PS C3, Z1, Z0     \
	VFMADD213PS HALF, Z1, Z0   \
	VFMADD213PS ONE, Z1, Z0    \
	VFMADD213PS ONE, Z1, Z0    \ // p
	VSCALEFPS   Z2, Z0, Z0

// func expAVX512(dst, src []float32)
TEXT ·expAVX512(SB), NOSPLIT, $0-48
	MOVQ      dst_base+0(FP), DI
	MOVQ      dst_len+8(FP), CX
	MOVQ      src_base+24(FP), SI
	CONSTANTS
	BEGIN
	VMOVUPS.Z (SI), K1, Z0
	EXP
	VMOVUPS   Z0, K1, (DI)
	END
	VZEROUPPER
	RET

// func expSumAVX512(dst, src []float32, max float32) float32
TEXT ·expSumAVX512(SB), NOSPLIT, $0-60
	MOVQ         dst_base+0(FP), DI
	MOVQ         dst_len+8(FP), CX
	MOVQ         src_base+24(FP), SI
	VBROADCASTSS max+48(FP), Z4
	VXORPS       Z5, Z5, Z5
	CONSTANTS
	BEGIN
	VMOVUPS.Z    (SI), K1, Z0
	VSUBPS       Z4, Z0, Z0
	EXP
	VMOVUPS      Z0, K1, (DI)
	VADDPS       Z0, Z5, K1, Z5
	END
	VMOVAPS      Z5, Z0
	TREE512
	VMOVSS       X0, ret+56(FP)
	VZEROUPPER
	RET

// func softmaxStepAVX512(s []float32, n int, seen []Range, top, sum, acc []float32, d int)
//
// A row after the other: its greatest element, and what that makes of the sum and of acc's row, then its exponentials.
TEXT ·softmaxStepAVX512(SB), NOSPLIT, $0-136
	MOVQ s_base+0(FP), R8
	MOVQ n+24(FP), R9
	MOVQ seen_base+32(FP), BX
	MOVQ seen_len+40(FP), DX
	MOVQ top_base+56(FP), R10
	MOVQ sum_base+80(FP), R11
	MOVQ acc_base+104(FP), R12
	MOVQ d+128(FP), R13
	SHLQ $2, R9
	CONSTANTS
	MOVL         $0xff800000, AX // -Inf
	VPBROADCASTD AX, Z19
	TESTQ        DX, DX
	JLE          end

row:
	MOVLQSX (BX), SI
	MOVLQSX 4(BX), R14
	SUBQ    SI, R14           // elements
	JLE     next
	LEAQ    (R8)(SI*4), R15
	MOVQ    R15, SI
	MOVQ    R14, CX
	VMOVAPS Z19, Z0
	SUBQ    $16, CX
	JL      maxTail

max:
	VMOVUPS (SI), Z1
	VMAXPS  Z0, Z1, Z0        // Z0 where one is a NaN
	ADDQ    $64, SI
	SUBQ    $16, CX
	JGE     max

maxTail:
	ADDQ $16, CX
	JZ   maxTree
	MASK
	VMOVAPS Z19, Z1
	VMOVUPS (SI), K1, Z1
	VMAXPS  Z0, Z1, Z0

maxTree:
	MAX512
	VMOVAPS       X0, X3
	VMOVSS        (R10), X0
	VUCOMISS      X0, X3
	JLS           exps              // no greater than the last top, X0
	VMOVSS        X3, (R10)
	VSUBSS        X3, X0, X0
	EXP
	VBROADCASTSS  X0, Z5            // what that shrinks the others to
	VMOVAPS       X3, X0
	VMULSS        (R11), X5, X1
	VMOVSS        X1, (R11)
	MOVQ          R12, SI
	MOVQ          R13, CX
	SUBQ          $16, CX
	JL            shrinkTail

shrink:
	VMULPS  (SI), Z5, Z1
	VMOVUPS Z1, (SI)
	ADDQ    $64, SI
	SUBQ    $16, CX
	JGE     shrink

shrinkTail:
	ADDQ      $16, CX
	JZ        exps
	MASK
	VMOVUPS.Z (SI), K1, Z1
	VMULPS    Z1, Z5, Z1
	VMOVUPS   Z1, K1, (SI)

exps:
	VBROADCASTSS X0, Z4
	VXORPS       Z5, Z5, Z5
	SUBQ         $16, R14
	JL           expTail

exp:
	VMOVUPS (R15), Z0
	VSUBPS  Z4, Z0, Z0
	EXP
	VMOVUPS Z0, (R15)
	VADDPS  Z0, Z5, Z5
	ADDQ    $64, R15
	SUBQ    $16, R14
	JGE     exp

expTail:
	ADDQ      $16, R14
	JZ        expTree
	MOVQ      R14, CX
	MASK
	VMOVUPS.Z (R15), K1, Z0
	VSUBPS    Z4, Z0, Z0
	EXP
	VMOVUPS   Z0, K1, (R15)
	VADDPS    Z0, Z5, K1, Z5

expTree:
	VMOVAPS Z5, Z0
	TREE512
	VADDSS  (R11), X0, X0
	VMOVSS  X0, (R11)

next:
	ADDQ R9, R8
	LEAQ (R12)(R13*4), R12
	ADDQ $8, BX
	ADDQ $4, R10
	ADDQ $4, R11
	DECQ DX
	JNZ  row

end:
	VZEROUPPER
	RET

// func expScaleAVX512(dst, src []float32, max, scale float32)
TEXT ·expScaleAVX512(SB), NOSPLIT, $0-56
	MOVQ         dst_base+0(FP), DI
	MOVQ         dst_len+8(FP), CX
	MOVQ         src_base+24(FP), SI
	VBROADCASTSS max+48(FP), Z4
	VBROADCASTSS scale+52(FP), Z5
	CONSTANTS
	BEGIN
	VMOVUPS.Z    (SI), K1, Z0
	VSUBPS       Z4, Z0, Z0
	EXP
	VMULPS       Z5, Z0, Z0
	VMOVUPS      Z0, K1, (DI)
	END
	VZEROUPPER
	RET

// func expMomentsAVX512(dst, src []float32, max float32) (sum float32, dot, square float64)
TEXT ·expMomentsAVX512(SB), NOSPLIT, $0-80
	MOVQ          dst_base+0(FP), DI
	MOVQ          dst_len+8(FP), CX
	MOVQ          src_base+24(FP), SI
	VBROADCASTSS  max+48(FP), Z4
	VXORPS        Z5, Z5, Z5 // sum
	VXORPS        Z8, Z8, Z8 // dot, lanes 0-7
	VXORPS        Z9, Z9, Z9 // and 8-15
	VXORPS        Z10, Z10, Z10 // square
	VXORPS        Z11, Z11, Z11
	CONSTANTS
	BEGIN
	VMOVUPS.Z     (SI), K1, Z6
	VSUBPS.Z      Z4, Z6, K1, Z6 // x - max, or 0 where there is no element
	VMOVAPS       Z6, Z0
	EXP
	VMOVUPS       Z0, K1, (DI)
	VMOVAPS.Z     Z0, K1, Z0
	VADDPS        Z0, Z5, Z5
	VEXTRACTF64X4 $1, Z0, Y1
	VEXTRACTF64X4 $1, Z6, Y7
	VCVTPS2PD     Y0, Z0
	VCVTPS2PD     Y1, Z1
	VCVTPS2PD     Y6, Z6
	VCVTPS2PD     Y7, Z7
	VFMADD231PD   Z6, Z0, Z8
	VFMADD231PD   Z7, Z1, Z9
	VFMADD231PD   Z0, Z0, Z10
	VFMADD231PD   Z1, Z1, Z11
	END
	TREE64(Z8, Z9, Y8, X8)
	TREE64(Z10, Z11, Y10, X10)
	VMOVAPS       Z5, Z0
	TREE512
	VMOVSS        X0, sum+56(FP)
	VMOVSD        X8, dot+64(FP)
	VMOVSD        X10, square+72(FP)
	VZEROUPPER
	RET

// func softmaxGradAVX512(p, ds, s []float32, lse, delta float32)
TEXT ·softmaxGradAVX512(SB), NOSPLIT, $0-80
	MOVQ         p_base+0(FP), DI
	MOVQ         p_len+8(FP), CX
	MOVQ         ds_base+24(FP), DX
	MOVQ         s_base+48(FP), SI
	VBROADCASTSS lse+72(FP), Z4
	VBROADCASTSS delta+76(FP), Z5
	SUBQ         DI, DX // ds lies so far behind p
	CONSTANTS
	BEGIN
	VMOVUPS.Z    (SI), K1, Z0
	VMOVUPS.Z    (DI)(DX*1), K1, Z3
	VSUBPS       Z4, Z0, Z0
	VSUBPS       Z5, Z3, Z3
	EXP
	VMULPS       Z3, Z0, Z3
	VMOVUPS      Z0, K1, (DI)
	VMOVUPS      Z3, K1, (DI)(DX*1)
	END
	VZEROUPPER
	RET

// func swigluAVX512(dst, gate, up []float32)
TEXT ·swigluAVX512(SB), NOSPLIT, $0-72
	MOVQ      dst_base+0(FP), DI
	MOVQ      dst_len+8(FP), CX
	MOVQ      gate_base+24(FP), SI
	MOVQ      up_base+48(FP), DX
	SUBQ      DI, DX
	CONSTANTS
	BEGIN
	VMOVUPS.Z (SI), K1, Z4
	VMOVUPS.Z (DI)(DX*1), K1, Z5
	VXORPS    SIGN, Z4, Z0
	EXP
	VADDPS    ONE, Z0, Z0
	VDIVPS    Z0, Z4, Z0
	VMULPS    Z5, Z0, Z0
	VMOVUPS   Z0, K1, (DI)
	END
	VZEROUPPER
	RET

// func swigluGradAVX512(dgate, dup, dout, gate, up []float32)
TEXT ·swigluGradAVX512(SB), NOSPLIT, $0-120
	MOVQ        dgate_base+0(FP), DI
	MOVQ        dgate_len+8(FP), CX
	MOVQ        dup_base+24(FP), R9
	MOVQ        dout_base+48(FP), R10
	MOVQ        gate_base+72(FP), SI
	MOVQ        up_base+96(FP), DX
	SUBQ        DI, R9
	SUBQ        DI, R10
	SUBQ        DI, DX
	CONSTANTS
	BEGIN
	VMOVUPS.Z   (SI), K1, Z4
	VMOVUPS.Z   (DI)(DX*1), K1, Z5
	VMOVUPS.Z   (DI)(R10*1), K1, Z6
	VXORPS      SIGN, Z4, Z0
	EXP
	VADDPS      ONE, Z0, Z1
	VDIVPS      Z1, ONE, Z1 // s
	VMULPS      Z1, Z4, Z3 // g*s
	VSUBPS      Z1, ONE, Z0 // 1-s
	VMULPS      Z5, Z6, Z5 // dout*up
	VFMADD213PS Z1, Z3, Z0 // g*s*(1-s) + s
	VMULPS      Z3, Z6, Z6
	VMULPS      Z0, Z5, Z0
	VMOVUPS     Z0, K1, (DI)
	VMOVUPS     Z6, K1, (DI)(R9*1)
	END
	VZEROUPPER
	RET

// SIGMOID is Z0 = 1/(1 + Exp1(-Z0)).
#define SIGMOID \
	VXORPS SIGN, Z0, Z0 \
	EXP                 \
	VADDPS ONE, Z0, Z0  \
	VDIVPS Z0, ONE, Z0

// func siluAVX512(y, x []float32)
TEXT ·siluAVX512(SB), NOSPLIT, $0-48
	MOVQ      y_base+0(FP), DI
	MOVQ      y_len+8(FP), CX
	MOVQ      x_base+24(FP), SI
	CONSTANTS
	BEGIN
	VMOVUPS.Z (SI), K1, Z4
	VMOVAPS   Z4, Z0
	SIGMOID
	VMULPS    Z4, Z0, Z0
	VMOVUPS   Z0, K1, (DI)
	END
	VZEROUPPER
	RET

// func siluGradAVX512(y, slope, x []float32)
TEXT ·siluGradAVX512(SB), NOSPLIT, $0-72
	MOVQ      y_base+0(FP), DI
	MOVQ      y_len+8(FP), CX
	MOVQ      slope_base+24(FP), DX
	MOVQ      x_base+48(FP), SI
	SUBQ      DI, DX
	CONSTANTS
	BEGIN
	VMOVUPS.Z (SI), K1, Z4
	VMOVAPS   Z4, Z0
	SIGMOID // s
	VSUBPS    Z0, ONE, Z1
	VMULPS    Z1, Z4, Z1 // x*(1-s)
	VADDPS    Z1, ONE, Z1
	VMULPS    Z1, Z0, Z1 // slope
	VMULPS    Z4, Z0, Z0
	VMOVUPS   Z0, K1, (DI)
	VMOVUPS   Z1, K1, (DI)(DX*1)
	END
	VZEROUPPER
	RET

#define GELUK  Z16
#define GELU3K Z17
#define GELUC  Z18

// ARGUMENT is Z0 = c*(Z4*(1 + k*Z4*Z4)).
#define ARGUMENT \
	VMULPS GELUK, Z4, Z0 \
	VMULPS Z4, Z0, Z0    \
	VADDPS ONE, Z0, Z0   \
	VMULPS Z4, Z0, Z0    \
	VMULPS GELUC, Z0, Z0

// func geluTanhAVX512(y, x []float32)
TEXT ·geluTanhAVX512(SB), NOSPLIT, $0-48
	MOVQ         y_base+0(FP), DI
	MOVQ         y_len+8(FP), CX
	MOVQ         x_base+24(FP), SI
	CONSTANTS
	VBROADCASTSS exp512<>+48(SB), GELUK
	VBROADCASTSS exp512<>+56(SB), GELUC
	BEGIN
	VMOVUPS.Z    (SI), K1, Z4
	ARGUMENT
	SIGMOID
	VMULPS       Z4, Z0, Z0
	VMOVUPS      Z0, K1, (DI)
	END
	VZEROUPPER
	RET

// func geluTanhGradAVX512(y, slope, x []float32)
TEXT ·geluTanhGradAVX512(SB), NOSPLIT, $0-72
	MOVQ         y_base+0(FP), DI
	MOVQ         y_len+8(FP), CX
	MOVQ         slope_base+24(FP), DX
	MOVQ         x_base+48(FP), SI
	SUBQ         DI, DX
	CONSTANTS
	VBROADCASTSS exp512<>+48(SB), GELUK
	VBROADCASTSS exp512<>+52(SB), GELU3K
	VBROADCASTSS exp512<>+56(SB), GELUC
	BEGIN
	VMOVUPS.Z    (SI), K1, Z4
	ARGUMENT
	SIGMOID // s
	VMULPS       GELU3K, Z4, Z1
	VMULPS       Z4, Z1, Z1
	VADDPS       ONE, Z1, Z1
	VMULPS       GELUC, Z1, Z1 // du
	VMULPS       Z1, Z4, Z1
	VSUBPS       Z0, ONE, Z2
	VMULPS       Z2, Z1, Z1 // x*du*(1-s)
	VADDPS       ONE, Z1, Z1
	VMULPS       Z1, Z0, Z1 // slope
	VMULPS       Z4, Z0, Z0
	VMOVUPS      Z0, K1, (DI)
	VMOVUPS      Z1, K1, (DI)(DX*1)
	END
	VZEROUPPER
	RET

#undef GELUK
#undef GELU3K
#undef GELUC

#define NEAR Z19
#define P4   Z18
#define P3   Z17
#define P2   Z16
#define P1   Z15
#define P0   Z14
#define TWO  Z13
#define CAP  Z12
#define BITS Z11

// func softCapAVX512(x, slopes []float32, cap float32)
TEXT ·softCapAVX512(SB), NOSPLIT, $0-52
	MOVQ         x_base+0(FP), DI
	MOVQ         x_len+8(FP), CX
	MOVQ         slopes_base+24(FP), SI
	MOVQ         slopes_len+32(FP), DX
	VBROADCASTSS cap+48(FP), CAP
	CONSTANTS
	VBROADCASTSS exp512<>+60(SB), NEAR
	VBROADCASTSS exp512<>+64(SB), P4
	VBROADCASTSS exp512<>+68(SB), P3
	VBROADCASTSS exp512<>+72(SB), P2
	VBROADCASTSS exp512<>+76(SB), P1
	VBROADCASTSS exp512<>+80(SB), P0
	VBROADCASTSS exp512<>+84(SB), TWO
	VBROADCASTSS exp512<>+88(SB), BITS
	BEGIN
	VMOVUPS.Z    (DI), K1, Z4
	VDIVPS       CAP, Z4, Z4 // v
	VMULPS       TWO, Z4, Z0
	EXP
	VADDPS       ONE, Z0, Z0
	VDIVPS       Z0, TWO, Z0
	VSUBPS       Z0, ONE, Z0 // 1 - 2/(1 + e^2v)
	VANDPS       BITS, Z4, Z1
	VCMPPS       $1, NEAR, Z1, K2 // |v| < near
	VMULPS       Z4, Z4, Z1 // s
	VMULPS       P4, Z1, Z2
	VADDPS       P3, Z2, Z2
	VMULPS       Z1, Z2, Z2
	VADDPS       P2, Z2, Z2
	VMULPS       Z1, Z2, Z2
	VADDPS       P1, Z2, Z2
	VMULPS       Z1, Z2, Z2
	VADDPS       P0, Z2, Z2 // p
	VMULPS       Z1, Z2, Z2
	VMULPS       Z4, Z2, Z2
	VADDPS       Z2, Z4, K2, Z0 // v + p*s*v
	VMULPS       CAP, Z0, Z1
	VMOVUPS      Z1, K1, (DI)
	TESTQ        DX, DX
	JZ           next
	VMULPS       Z0, Z0, Z0
	VSUBPS       Z0, ONE, Z0
	VMOVUPS      Z0, K1, (SI)
next:
	END
	VZEROUPPER
	RET
