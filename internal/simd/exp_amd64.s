#include "textflag.h"
#include "lanes_amd64.h"

// The constants of Exp1, eight of each.
DATA exp<>+0(SB)/8, $0xc2d00000c2d00000 // expMin
DATA exp<>+8(SB)/8, $0xc2d00000c2d00000
DATA exp<>+16(SB)/8, $0xc2d00000c2d00000
DATA exp<>+24(SB)/8, $0xc2d00000c2d00000
DATA exp<>+32(SB)/8, $0x42b2000042b20000 // expMax
DATA exp<>+40(SB)/8, $0x42b2000042b20000
DATA exp<>+48(SB)/8, $0x42b2000042b20000
DATA exp<>+56(SB)/8, $0x42b2000042b20000
DATA exp<>+64(SB)/8, $0x3fb8aa3b3fb8aa3b // log2e
DATA exp<>+72(SB)/8, $0x3fb8aa3b3fb8aa3b
DATA exp<>+80(SB)/8, $0x3fb8aa3b3fb8aa3b
DATA exp<>+88(SB)/8, $0x3fb8aa3b3fb8aa3b
DATA exp<>+96(SB)/8, $0xbf317218bf317218 // negLn2Hi
DATA exp<>+104(SB)/8, $0xbf317218bf317218
DATA exp<>+112(SB)/8, $0xbf317218bf317218
DATA exp<>+120(SB)/8, $0xbf317218bf317218
DATA exp<>+128(SB)/8, $0x3102e3083102e308 // negLn2Lo
DATA exp<>+136(SB)/8, $0x3102e3083102e308
DATA exp<>+144(SB)/8, $0x3102e3083102e308
DATA exp<>+152(SB)/8, $0x3102e3083102e308
DATA exp<>+160(SB)/8, $0x3ab6a06a3ab6a06a // c6
DATA exp<>+168(SB)/8, $0x3ab6a06a3ab6a06a
DATA exp<>+176(SB)/8, $0x3ab6a06a3ab6a06a
DATA exp<>+184(SB)/8, $0x3ab6a06a3ab6a06a
DATA exp<>+192(SB)/8, $0x3c091da03c091da0 // c5
DATA exp<>+200(SB)/8, $0x3c091da03c091da0
DATA exp<>+208(SB)/8, $0x3c091da03c091da0
DATA exp<>+216(SB)/8, $0x3c091da03c091da0
DATA exp<>+224(SB)/8, $0x3d2aaa793d2aaa79 // c4
DATA exp<>+232(SB)/8, $0x3d2aaa793d2aaa79
DATA exp<>+240(SB)/8, $0x3d2aaa793d2aaa79
DATA exp<>+248(SB)/8, $0x3d2aaa793d2aaa79
DATA exp<>+256(SB)/8, $0x3e2aaa483e2aaa48 // c3
DATA exp<>+264(SB)/8, $0x3e2aaa483e2aaa48
DATA exp<>+272(SB)/8, $0x3e2aaa483e2aaa48
DATA exp<>+280(SB)/8, $0x3e2aaa483e2aaa48
DATA exp<>+288(SB)/8, $0x3f0000003f000000 // half
DATA exp<>+296(SB)/8, $0x3f0000003f000000
DATA exp<>+304(SB)/8, $0x3f0000003f000000
DATA exp<>+312(SB)/8, $0x3f0000003f000000
DATA exp<>+320(SB)/8, $0x3f8000003f800000 // one
DATA exp<>+328(SB)/8, $0x3f8000003f800000
DATA exp<>+336(SB)/8, $0x3f8000003f800000
DATA exp<>+344(SB)/8, $0x3f8000003f800000
DATA exp<>+352(SB)/8, $0x0000007f0000007f // bias
DATA exp<>+360(SB)/8, $0x0000007f0000007f
DATA exp<>+368(SB)/8, $0x0000007f0000007f
DATA exp<>+376(SB)/8, $0x0000007f0000007f
DATA exp<>+384(SB)/8, $0x8000000080000000 // sign
DATA exp<>+392(SB)/8, $0x8000000080000000
DATA exp<>+400(SB)/8, $0x8000000080000000
DATA exp<>+408(SB)/8, $0x8000000080000000
DATA exp<>+416(SB)/8, $0x3d3727133d372713 // geluK
DATA exp<>+424(SB)/8, $0x3d3727133d372713
DATA exp<>+432(SB)/8, $0x3d3727133d372713
DATA exp<>+440(SB)/8, $0x3d3727133d372713
DATA exp<>+448(SB)/8, $0x3e095d4f3e095d4f // 3*geluK
DATA exp<>+456(SB)/8, $0x3e095d4f3e095d4f
DATA exp<>+464(SB)/8, $0x3e095d4f3e095d4f
DATA exp<>+472(SB)/8, $0x3e095d4f3e095d4f
DATA exp<>+480(SB)/8, $0x3fcc422a3fcc422a // geluC
DATA exp<>+488(SB)/8, $0x3fcc422a3fcc422a
DATA exp<>+496(SB)/8, $0x3fcc422a3fcc422a
DATA exp<>+504(SB)/8, $0x3fcc422a3fcc422a
DATA exp<>+512(SB)/8, $0x3f2000003f200000 // tanhNear
DATA exp<>+520(SB)/8, $0x3f2000003f200000
DATA exp<>+528(SB)/8, $0x3f2000003f200000
DATA exp<>+536(SB)/8, $0x3f2000003f200000
DATA exp<>+544(SB)/8, $0xbbbaf0eabbbaf0ea // tanhC4
DATA exp<>+552(SB)/8, $0xbbbaf0eabbbaf0ea
DATA exp<>+560(SB)/8, $0xbbbaf0eabbbaf0ea
DATA exp<>+568(SB)/8, $0xbbbaf0eabbbaf0ea
DATA exp<>+576(SB)/8, $0x3ca9134e3ca9134e // tanhC3
DATA exp<>+584(SB)/8, $0x3ca9134e3ca9134e
DATA exp<>+592(SB)/8, $0x3ca9134e3ca9134e
DATA exp<>+600(SB)/8, $0x3ca9134e3ca9134e
DATA exp<>+608(SB)/8, $0xbd5c1e2dbd5c1e2d // tanhC2
DATA exp<>+616(SB)/8, $0xbd5c1e2dbd5c1e2d
DATA exp<>+624(SB)/8, $0xbd5c1e2dbd5c1e2d
DATA exp<>+632(SB)/8, $0xbd5c1e2dbd5c1e2d
DATA exp<>+640(SB)/8, $0x3e0883933e088393 // tanhC1
DATA exp<>+648(SB)/8, $0x3e0883933e088393
DATA exp<>+656(SB)/8, $0x3e0883933e088393
DATA exp<>+664(SB)/8, $0x3e0883933e088393
DATA exp<>+672(SB)/8, $0xbeaaaa99beaaaa99 // tanhC0
DATA exp<>+680(SB)/8, $0xbeaaaa99beaaaa99
DATA exp<>+688(SB)/8, $0xbeaaaa99beaaaa99
DATA exp<>+696(SB)/8, $0xbeaaaa99beaaaa99
DATA exp<>+704(SB)/8, $0x4000000040000000 // 2
DATA exp<>+712(SB)/8, $0x4000000040000000
DATA exp<>+720(SB)/8, $0x4000000040000000
DATA exp<>+728(SB)/8, $0x4000000040000000
GLOBL exp<>(SB), RODATA|NOPTR, $736

#define EXPMIN exp<>+0(SB)
#define EXPMAX exp<>+32(SB)
#define LOG2E  exp<>+64(SB)
#define NLN2HI exp<>+96(SB)
#define NLN2LO exp<>+128(SB)
#define C6     exp<>+160(SB)
#define C5     exp<>+192(SB)
#define C4     exp<>+224(SB)
#define C3     exp<>+256(SB)
#define HALF   exp<>+288(SB)
#define ONE    exp<>+320(SB)
#define BIAS   exp<>+352(SB)
#define SIGN   exp<>+384(SB)
#define GELUK  exp<>+416(SB)
#define GELU3K exp<>+448(SB)
#define GELUC  exp<>+480(SB)
#define NEAR   exp<>+512(SB)
#define P4     exp<>+544(SB)
#define P3     exp<>+576(SB)
#define P2     exp<>+608(SB)
#define P1     exp<>+640(SB)
#define P0     exp<>+672(SB)
#define TWO    exp<>+704(SB)

// EXP is Y0 = Exp1(Y0). It uses Y1, Y2 and Y3. A NaN is the operand that VMAXPS and VMINPS hand on, and goes through all else.
#define EXP \
	VMOVUPS     EXPMIN, Y1     \
	VMOVUPS     EXPMAX, Y2     \
	VMAXPS      Y0, Y1, Y1     \
	VMINPS      Y1, Y2, Y1     \ // x
	VMULPS      LOG2E, Y1, Y2  \
	VROUNDPS    $8, Y2, Y2     \ // n
	VFMADD231PS NLN2HI, Y2, Y1 \
	VFMADD231PS NLN2LO, Y2, Y1 \ // r
	VMOVUPS     C6, Y0         \
	VCVTPS2DQ   Y2, Y2         \
	VFMADD213PS C5, Y1, Y0     \
	VPSRAD      $1, Y2, Y3     \ // h = n >> 1
	VFMADD213PS C4, Y1, Y0     \
	VPSUBD      Y3, Y2, Y2     \ // n - h
	VFMADD213PS C3, Y1, Y0     \
	VPADDD      BIAS, Y3, Y3   \
	VFMADD213PS HALF, Y1, Y0   \
	VPADDD      BIAS, Y2, Y2   \
	VFMADD213PS ONE, Y1, Y0    \
	VPSLLD      $23, Y3, Y3    \ // 2^h
	VFMADD213PS ONE, Y1, Y0    \ // p
	VPSLLD      $23, Y2, Y2    \ // 2^(n-h)
	VMULPS      Y3, Y0, Y0     \
	VMULPS      Y2, Y0, Y0

// func expAVX2(dst, src []float32)
TEXT ·expAVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ src_base+24(FP), SI
	SUBQ $8, CX
	JL   tail

loop: // while n >= 8 {
	VMOVUPS (SI), Y0
	EXP
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y0
	EXP
	VMASKMOVPS Y0, Y14, (DI)

done:
	VZEROUPPER
	RET

// func expSumAVX2(dst, src []float32, max float32) float32
TEXT ·expSumAVX2(SB), NOSPLIT, $0-60
	MOVQ         dst_base+0(FP), DI
	MOVQ         dst_len+8(FP), CX
	MOVQ         src_base+24(FP), SI
	VBROADCASTSS max+48(FP), Y4
	VXORPS       Y5, Y5, Y5 // lanes 0-7
	VXORPS       Y6, Y6, Y6 // lanes 8-15
	SUBQ         $16, CX
	JL           tail

loop: // while n >= 16 {
	VMOVUPS (SI), Y0
	VSUBPS  Y4, Y0, Y0
	EXP
	VMOVUPS 32(SI), Y7
	VMOVUPS Y0, (DI)
	VADDPS  Y0, Y5, Y5
	VSUBPS  Y4, Y7, Y0
	EXP
	VMOVUPS Y0, 32(DI)
	VADDPS  Y0, Y6, Y6
	ADDQ    $64, SI
	ADDQ    $64, DI
	SUBQ    $16, CX
	JGE     loop // }

tail:
	ADDQ       $16, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y0
	VMASKMOVPS 32(SI), Y15, Y7
	VSUBPS     Y4, Y0, Y0
	EXP
	VMASKMOVPS Y0, Y14, (DI)
	VANDPS     Y0, Y14, Y0 // +0 where there is no element
	VADDPS     Y0, Y5, Y5
	VSUBPS     Y4, Y7, Y0
	EXP
	VMASKMOVPS Y0, Y15, 32(DI)
	VANDPS     Y0, Y15, Y0
	VADDPS     Y0, Y6, Y6

done:
	VMOVAPS Y5, Y0
	VMOVAPS Y6, Y1
	TREE
	VMOVSS  X0, ret+56(FP)
	VZEROUPPER
	RET

// SWIGLU is Y0 = Y4 / (1 + exp(-Y4)) * Y5.
#define SWIGLU \
	VXORPS SIGN, Y4, Y0 \
	EXP                 \
	VADDPS ONE, Y0, Y0  \
	VDIVPS Y0, Y4, Y0   \
	VMULPS Y5, Y0, Y0

// func swigluAVX2(dst, gate, up []float32)
TEXT ·swigluAVX2(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ gate_base+24(FP), SI
	MOVQ up_base+48(FP), DX
	SUBQ $8, CX
	JL   tail

loop: // while n >= 8 {
	VMOVUPS (SI), Y4
	VMOVUPS (DX), Y5
	SWIGLU
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y4
	VMASKMOVPS (DX), Y14, Y5
	SWIGLU
	VMASKMOVPS Y0, Y14, (DI)

done:
	VZEROUPPER
	RET

// SWIGLUGRAD is, of gate Y4, up Y5 and dout Y6, Y0 = dgate and Y6 = dup. It uses Y1, Y2, Y3, Y5, Y7.
#define SWIGLUGRAD \
	VXORPS      SIGN, Y4, Y0 \
	EXP                      \
	VADDPS      ONE, Y0, Y1  \
	VMOVUPS     ONE, Y2      \
	VDIVPS      Y1, Y2, Y1   \ // s
	VMULPS      Y1, Y4, Y3   \ // g*s
	VSUBPS      Y1, Y2, Y0   \ // 1-s
	VMULPS      Y5, Y6, Y5   \ // dout*up
	VFMADD213PS Y1, Y3, Y0   \ // g*s*(1-s) + s
	VMULPS      Y3, Y6, Y6   \
	VMULPS      Y0, Y5, Y0

// func swigluGradAVX2(dgate, dup, dout, gate, up []float32)
TEXT ·swigluGradAVX2(SB), NOSPLIT, $0-120
	MOVQ dgate_base+0(FP), DI
	MOVQ dgate_len+8(FP), CX
	MOVQ dup_base+24(FP), R9
	MOVQ dout_base+48(FP), R10
	MOVQ gate_base+72(FP), SI
	MOVQ up_base+96(FP), DX
	SUBQ $8, CX
	JL   tail

loop: // while n >= 8 {
	VMOVUPS (SI), Y4
	VMOVUPS (DX), Y5
	VMOVUPS (R10), Y6
	SWIGLUGRAD
	VMOVUPS Y0, (DI)
	VMOVUPS Y6, (R9)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, DI
	ADDQ    $32, R9
	ADDQ    $32, R10
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y4
	VMASKMOVPS (DX), Y14, Y5
	VMASKMOVPS (R10), Y14, Y6
	SWIGLUGRAD
	VMASKMOVPS Y0, Y14, (DI)
	VMASKMOVPS Y6, Y14, (R9)

done:
	VZEROUPPER
	RET

// EXPSCALE is Y0 = Exp1(Y0 - Y4) * Y5.
#define EXPSCALE \
	VSUBPS Y4, Y0, Y0 \
	EXP               \
	VMULPS Y5, Y0, Y0

// func expScaleAVX2(dst, src []float32, max, scale float32)
TEXT ·expScaleAVX2(SB), NOSPLIT, $0-56
	MOVQ         dst_base+0(FP), DI
	MOVQ         dst_len+8(FP), CX
	MOVQ         src_base+24(FP), SI
	VBROADCASTSS max+48(FP), Y4
	VBROADCASTSS scale+52(FP), Y5
	SUBQ         $8, CX
	JL           tail

loop: // while n >= 8 {
	VMOVUPS (SI), Y0
	EXPSCALE
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y0
	EXPSCALE
	VMASKMOVPS Y0, Y14, (DI)

done:
	VZEROUPPER
	RET

// SOFTMAXGRAD is Y0 = Exp1(Y0 - Y4) and Y6 = Y0*(Y6 - Y5).
#define SOFTMAXGRAD \
	VSUBPS Y4, Y0, Y0 \
	EXP               \
	VSUBPS Y5, Y6, Y6 \
	VMULPS Y6, Y0, Y6

// func softmaxGradAVX2(p, ds, s []float32, lse, delta float32)
TEXT ·softmaxGradAVX2(SB), NOSPLIT, $0-80
	MOVQ         p_base+0(FP), DI
	MOVQ         p_len+8(FP), CX
	MOVQ         ds_base+24(FP), DX
	MOVQ         s_base+48(FP), SI
	VBROADCASTSS lse+72(FP), Y4
	VBROADCASTSS delta+76(FP), Y5
	SUBQ         $8, CX
	JL           tail

loop: // while n >= 8 {
	VMOVUPS (SI), Y0
	VMOVUPS (DX), Y6
	SOFTMAXGRAD
	VMOVUPS Y0, (DI)
	VMOVUPS Y6, (DX)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y0
	VMASKMOVPS (DX), Y14, Y6
	SOFTMAXGRAD
	VMASKMOVPS Y0, Y14, (DI)
	VMASKMOVPS Y6, Y14, (DX)

done:
	VZEROUPPER
	RET

// SIGMOID is Y0 = 1/(1 + Exp1(-Y0)).
#define SIGMOID \
	VXORPS  SIGN, Y0, Y0 \
	EXP                  \
	VADDPS  ONE, Y0, Y0  \
	VMOVUPS ONE, Y1      \
	VDIVPS  Y0, Y1, Y0

// SILU is Y0 = Y4 * sigmoid(Y4).
#define SILU \
	VMOVAPS Y4, Y0 \
	SIGMOID        \
	VMULPS  Y4, Y0, Y0

// func siluAVX2(y, x []float32)
TEXT ·siluAVX2(SB), NOSPLIT, $0-48
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	SUBQ $8, CX
	JL   tail

loop: // while n >= 8 {
	VMOVUPS (SI), Y4
	SILU
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y4
	SILU
	VMASKMOVPS Y0, Y14, (DI)

done:
	VZEROUPPER
	RET

// SILUGRAD is Y0 = Y4*s and Y1 = s*(1 + Y4*(1-s)) of s = sigmoid(Y4).
#define SILUGRAD \
	VMOVAPS Y4, Y0      \
	SIGMOID             \
	VSUBPS  Y0, Y1, Y1  \ // 1-s
	VMULPS  Y1, Y4, Y1  \
	VADDPS  ONE, Y1, Y1 \
	VMULPS  Y1, Y0, Y1  \
	VMULPS  Y4, Y0, Y0

// func siluGradAVX2(y, slope, x []float32)
TEXT ·siluGradAVX2(SB), NOSPLIT, $0-72
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), CX
	MOVQ slope_base+24(FP), DX
	MOVQ x_base+48(FP), SI
	SUBQ $8, CX
	JL   tail

loop: // while n >= 8 {
	VMOVUPS (SI), Y4
	SILUGRAD
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, (DX)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y4
	SILUGRAD
	VMASKMOVPS Y0, Y14, (DI)
	VMASKMOVPS Y1, Y14, (DX)

done:
	VZEROUPPER
	RET

// GELUTANH is Y0 = Y4 * sigmoid(c*(Y4*(1 + k*Y4*Y4))).
#define ARGUMENT \
	VMULPS GELUK, Y4, Y0 \
	VMULPS Y4, Y0, Y0    \
	VADDPS ONE, Y0, Y0   \
	VMULPS Y4, Y0, Y0    \
	VMULPS GELUC, Y0, Y0

#define GELUTANH \
	ARGUMENT \
	SIGMOID  \
	VMULPS Y4, Y0, Y0

// func geluTanhAVX2(y, x []float32)
TEXT ·geluTanhAVX2(SB), NOSPLIT, $0-48
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	SUBQ $8, CX
	JL   tail

loop: // while n >= 8 {
	VMOVUPS (SI), Y4
	GELUTANH
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y4
	GELUTANH
	VMASKMOVPS Y0, Y14, (DI)

done:
	VZEROUPPER
	RET

// GELUTANHGRAD is, with s that sigmoid, Y0 = Y4*s and Y1 = s*(1 + Y4*(c*(1 + 3*k*Y4*Y4))*(1-s)). It uses Y2.
#define GELUTANHGRAD \
	ARGUMENT              \
	SIGMOID               \
	VSUBPS Y0, Y1, Y2     \ // 1-s
	VMULPS GELU3K, Y4, Y1 \
	VMULPS Y4, Y1, Y1     \
	VADDPS ONE, Y1, Y1    \
	VMULPS GELUC, Y1, Y1  \
	VMULPS Y1, Y4, Y1     \
	VMULPS Y2, Y1, Y1     \
	VADDPS ONE, Y1, Y1    \
	VMULPS Y1, Y0, Y1     \
	VMULPS Y4, Y0, Y0

// func geluTanhGradAVX2(y, slope, x []float32)
TEXT ·geluTanhGradAVX2(SB), NOSPLIT, $0-72
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), CX
	MOVQ slope_base+24(FP), DX
	MOVQ x_base+48(FP), SI
	SUBQ $8, CX
	JL   tail

loop: // while n >= 8 {
	VMOVUPS (SI), Y4
	GELUTANHGRAD
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, (DX)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y4
	GELUTANHGRAD
	VMASKMOVPS Y0, Y14, (DI)
	VMASKMOVPS Y1, Y14, (DX)

done:
	VZEROUPPER
	RET

// SOFTCAP is, with t = tanh(Y4/Y5), Y4 = Y5*t and Y0 = 1 - t*t. It uses Y1, Y2, Y3 and Y6.
#define SOFTCAP \
	VDIVPS    Y5, Y4, Y4       \
	VMULPS    TWO, Y4, Y0      \
	EXP                        \
	VADDPS    ONE, Y0, Y0      \
	VMOVUPS   TWO, Y1          \
	VDIVPS    Y0, Y1, Y0       \
	VMOVUPS   ONE, Y6          \
	VSUBPS    Y0, Y6, Y0       \ // 1 - 2/(1 + e^2v)
	VMOVUPS   SIGN, Y1         \
	VANDNPS   Y4, Y1, Y3       \ // |v|
	VCMPPS    $1, NEAR, Y3, Y3 \
	VMULPS    Y4, Y4, Y1       \ // s
	VMULPS    P4, Y1, Y2       \
	VADDPS    P3, Y2, Y2       \
	VMULPS    Y1, Y2, Y2       \
	VADDPS    P2, Y2, Y2       \
	VMULPS    Y1, Y2, Y2       \
	VADDPS    P1, Y2, Y2       \
	VMULPS    Y1, Y2, Y2       \
	VADDPS    P0, Y2, Y2       \ // p
	VMULPS    Y1, Y2, Y2       \
	VMULPS    Y4, Y2, Y2       \
	VADDPS    Y2, Y4, Y2       \ // v + p*s*v
	VBLENDVPS Y3, Y2, Y0, Y0   \ // t
	VMULPS    Y0, Y5, Y4       \
	VMULPS    Y0, Y0, Y0       \
	VSUBPS    Y0, Y6, Y0

// func softCapAVX2(x, slopes []float32, cap float32)
TEXT ·softCapAVX2(SB), NOSPLIT, $0-52
	MOVQ         x_base+0(FP), DI
	MOVQ         x_len+8(FP), CX
	MOVQ         slopes_base+24(FP), SI
	MOVQ         slopes_len+32(FP), DX
	VBROADCASTSS cap+48(FP), Y5
	SUBQ         $8, CX
	JL           tail

loop: // while n >= 8 {
	VMOVUPS (DI), Y4
	SOFTCAP
	VMOVUPS Y4, (DI)
	TESTQ   DX, DX
	JZ      next
	VMOVUPS Y0, (SI)
next:
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JGE  loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (DI), Y14, Y4
	SOFTCAP
	VMASKMOVPS Y4, Y14, (DI)
	TESTQ      DX, DX
	JZ         done
	VMASKMOVPS Y0, Y14, (SI)

done:
	VZEROUPPER
	RET

// MOMENTS adds the elements e = Exp1(x) in Y0 and x in Y1 to the sum S and to the float64 sums of e*x, in D and E, and of e*e, in P and Q. It
// uses Y2 and Y3.
#define MOMENTS(S, D, E, P, Q) \
	VADDPS       Y0, S, S   \
	VCVTPS2PD    X0, Y2     \
	VCVTPS2PD    X1, Y3     \
	VFMADD231PD  Y3, Y2, D  \
	VFMADD231PD  Y2, Y2, P  \
	VEXTRACTF128 $1, Y0, X0 \
	VEXTRACTF128 $1, Y1, X1 \
	VCVTPS2PD    X0, Y2     \
	VCVTPS2PD    X1, Y3     \
	VFMADD231PD  Y3, Y2, E  \
	VFMADD231PD  Y2, Y2, Q

// func expMomentsAVX2(dst, src []float32, max float32) (sum float32, dot, square float64)
//
// Lanes: of sum 0-7 in Y5, 8-15 in Y6; of dot four each in Y7 to Y10, of square in Y11 to Y13 and Y15.
TEXT ·expMomentsAVX2(SB), NOSPLIT, $0-80
	MOVQ         dst_base+0(FP), DI
	MOVQ         dst_len+8(FP), CX
	MOVQ         src_base+24(FP), SI
	VBROADCASTSS max+48(FP), Y4
	VXORPS       Y5, Y5, Y5
	VXORPS       Y6, Y6, Y6
	VXORPS       Y7, Y7, Y7
	VXORPS       Y8, Y8, Y8
	VXORPS       Y9, Y9, Y9
	VXORPS       Y10, Y10, Y10
	VXORPS       Y11, Y11, Y11
	VXORPS       Y12, Y12, Y12
	VXORPS       Y13, Y13, Y13
	VXORPS       Y15, Y15, Y15
	LEAQ         ·laneMask+64(SB), R8
	SUBQ         $16, CX
	JL           tail

loop: // while n >= 16 {
	VMOVUPS (SI), Y0
	VSUBPS  Y4, Y0, Y0
	EXP
	VMOVUPS (SI), Y1 // again: registers are few
	VSUBPS  Y4, Y1, Y1
	VMOVUPS Y0, (DI)
	MOMENTS(Y5, Y7, Y8, Y11, Y12)
	VMOVUPS 32(SI), Y0
	VSUBPS  Y4, Y0, Y0
	EXP
	VMOVUPS 32(SI), Y1
	VSUBPS  Y4, Y1, Y1
	VMOVUPS Y0, 32(DI)
	MOMENTS(Y6, Y9, Y10, Y13, Y15)
	ADDQ    $64, SI
	ADDQ    $64, DI
	SUBQ    $16, CX
	JGE     loop // }

tail:
	ADDQ       $16, CX
	JZ         done
	SHLQ       $2, CX
	SUBQ       CX, R8
	VMOVUPS    (R8), Y14
	VMASKMOVPS (SI), Y14, Y0
	VSUBPS     Y4, Y0, Y0
	EXP
	VMASKMOVPS (SI), Y14, Y1
	VSUBPS     Y4, Y1, Y1
	VMASKMOVPS Y0, Y14, (DI)
	VANDPS     Y14, Y0, Y0 // +0 where there is no element
	VANDPS     Y14, Y1, Y1
	MOMENTS(Y5, Y7, Y8, Y11, Y12)
	VMOVUPS    32(R8), Y14
	VMASKMOVPS 32(SI), Y14, Y0
	VSUBPS     Y4, Y0, Y0
	EXP
	VMASKMOVPS 32(SI), Y14, Y1
	VSUBPS     Y4, Y1, Y1
	VMASKMOVPS Y0, Y14, 32(DI)
	VANDPS     Y14, Y0, Y0
	VANDPS     Y14, Y1, Y1
	MOMENTS(Y6, Y9, Y10, Y13, Y15)

done:
	TREE64(Y7, Y8, Y9, Y10, X7)
	TREE64(Y11, Y12, Y13, Y15, X11)
	VMOVAPS Y5, Y0
	VMOVAPS Y6, Y1
	TREE
	VMOVSS  X0, sum+56(FP)
	VMOVSD  X7, dot+64(FP)
	VMOVSD  X11, square+72(FP)
	VZEROUPPER
	RET
