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
GLOBL exp<>(SB), RODATA|NOPTR, $416

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
