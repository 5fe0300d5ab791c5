#include "textflag.h"
#include "go_asm.h"
#include "lanes_amd64.h"

// Masks of the first n of 16 lanes lie at ·laneMask+64-4n: lanes 0-7, then 8-15.
DATA ·laneMask+0(SB)/8, $-1
DATA ·laneMask+8(SB)/8, $-1
DATA ·laneMask+16(SB)/8, $-1
DATA ·laneMask+24(SB)/8, $-1
DATA ·laneMask+32(SB)/8, $-1
DATA ·laneMask+40(SB)/8, $-1
DATA ·laneMask+48(SB)/8, $-1
DATA ·laneMask+56(SB)/8, $-1
DATA ·laneMask+64(SB)/8, $0
DATA ·laneMask+72(SB)/8, $0
DATA ·laneMask+80(SB)/8, $0
DATA ·laneMask+88(SB)/8, $0
DATA ·laneMask+96(SB)/8, $0
DATA ·laneMask+104(SB)/8, $0
DATA ·laneMask+112(SB)/8, $0
DATA ·laneMask+120(SB)/8, $0
GLOBL ·laneMask(SB), RODATA|NOPTR, $128

// func dotAVX2(a, b []float32) float32
TEXT ·dotAVX2(SB), NOSPLIT, $0-52
	MOVQ   a_base+0(FP), SI
	MOVQ   a_len+8(FP), CX
	MOVQ   b_base+24(FP), DI
	VXORPS Y0, Y0, Y0 // lanes 0-7
	VXORPS Y1, Y1, Y1 // lanes 8-15
	SUBQ   $16, CX
	JL     tail

loop: // while n >= 16 {
	VMOVUPS     (SI), Y2
	VMOVUPS     32(SI), Y3
	VFMADD231PS (DI), Y2, Y0
	VFMADD231PS 32(DI), Y3, Y1
	ADDQ        $64, SI
	ADDQ        $64, DI
	SUBQ        $16, CX
	JGE         loop // }

tail:
	ADDQ        $16, CX
	JZ          done
	TAIL(CX)
	VMASKMOVPS  (SI), Y14, Y2
	VMASKMOVPS  32(SI), Y15, Y3
	VMASKMOVPS  (DI), Y14, Y4
	VMASKMOVPS  32(DI), Y15, Y5
	VFMADD231PS Y4, Y2, Y0
	VFMADD231PS Y5, Y3, Y1

done:
	TREE
	VMOVSS X0, ret+48(FP)
	VZEROUPPER
	RET

// func maxAVX2(a []float32) float32
TEXT ·maxAVX2(SB), NOSPLIT, $0-28
	MOVQ         a_base+0(FP), SI
	MOVQ         a_len+8(FP), CX
	MOVL         $0xff800000, AX // -Inf
	MOVQ         AX, X13
	VBROADCASTSS X13, Y13
	VMOVAPS      Y13, Y0
	VMOVAPS      Y13, Y1
	SUBQ         $16, CX
	JL           tail

	// VMAXPS gives its first operand, as written here, when one is a NaN: the maximum so far.
loop: // while n >= 16 {
	VMOVUPS (SI), Y2
	VMOVUPS 32(SI), Y3
	VMAXPS  Y0, Y2, Y0
	VMAXPS  Y1, Y3, Y1
	ADDQ    $64, SI
	SUBQ    $16, CX
	JGE     loop // }

tail:
	ADDQ       $16, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y2
	VMASKMOVPS 32(SI), Y15, Y3
	VBLENDVPS  Y14, Y2, Y13, Y2 // -Inf where there is no element
	VBLENDVPS  Y15, Y3, Y13, Y3
	VMAXPS     Y0, Y2, Y0
	VMAXPS     Y1, Y3, Y1

done:
	VMAXPS       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPS       X1, X0, X0
	VMOVHLPS     X0, X0, X1
	VMAXPS       X1, X0, X0
	VMOVSHDUP    X0, X1
	VMAXSS       X1, X0, X0
	VXORPS       X1, X1, X1
	VADDSS       X1, X0, X0 // -0 becomes +0
	VMOVSS       X0, ret+24(FP)
	VZEROUPPER
	RET

// func axpyAVX2(dst []float32, a float32, x []float32)
TEXT ·axpyAVX2(SB), NOSPLIT, $0-56
	MOVQ         dst_base+0(FP), DI
	MOVQ         dst_len+8(FP), CX
	VBROADCASTSS a+24(FP), Y0
	MOVQ         x_base+32(FP), SI
	SUBQ         $8, CX
	JL           tail

loop: // while n >= 8 {
	VMOVUPS     (DI), Y1
	VFMADD231PS (SI), Y0, Y1
	VMOVUPS     Y1, (DI)
	ADDQ        $32, SI
	ADDQ        $32, DI
	SUBQ        $8, CX
	JGE         loop // }

tail:
	ADDQ        $8, CX
	JZ          done
	TAIL(CX)
	VMASKMOVPS  (DI), Y14, Y1
	VMASKMOVPS  (SI), Y14, Y2
	VFMADD231PS Y2, Y0, Y1
	VMASKMOVPS  Y1, Y14, (DI)

done:
	VZEROUPPER
	RET

// func scaleAVX2(dst []float32, a float32)
TEXT ·scaleAVX2(SB), NOSPLIT, $0-28
	MOVQ         dst_base+0(FP), DI
	MOVQ         dst_len+8(FP), CX
	VBROADCASTSS a+24(FP), Y0
	SUBQ         $8, CX
	JL           tail

loop: // while n >= 8 {
	VMULPS  (DI), Y0, Y1
	VMOVUPS Y1, (DI)
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (DI), Y14, Y1
	VMULPS     Y1, Y0, Y1
	VMASKMOVPS Y1, Y14, (DI)

done:
	VZEROUPPER
	RET

// func addAVX2(dst, x []float32)
TEXT ·addAVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	SUBQ $8, CX
	JL   tail

loop: // while n >= 8 {
	VMOVUPS (DI), Y1
	VADDPS  (SI), Y1, Y1
	VMOVUPS Y1, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (DI), Y14, Y1
	VMASKMOVPS (SI), Y14, Y2
	VADDPS     Y2, Y1, Y1
	VMASKMOVPS Y1, Y14, (DI)

done:
	VZEROUPPER
	RET

// func mulAVX2(dst, x []float32)
TEXT ·mulAVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	SUBQ $8, CX
	JL   tail

loop: // while n >= 8 {
	VMOVUPS (DI), Y1
	VMULPS  (SI), Y1, Y1
	VMOVUPS Y1, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (DI), Y14, Y1
	VMASKMOVPS (SI), Y14, Y2
	VMULPS     Y2, Y1, Y1
	VMASKMOVPS Y1, Y14, (DI)

done:
	VZEROUPPER
	RET

// func mulAddAVX2(dst, a, b []float32)
TEXT ·mulAddAVX2(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ a_base+24(FP), SI
	MOVQ b_base+48(FP), DX
	SUBQ $8, CX
	JL   tail

loop: // while n >= 8 {
	VMOVUPS     (DI), Y1
	VMOVUPS     (SI), Y2
	VFMADD231PS (DX), Y2, Y1
	VMOVUPS     Y1, (DI)
	ADDQ        $32, SI
	ADDQ        $32, DX
	ADDQ        $32, DI
	SUBQ        $8, CX
	JGE         loop // }

tail:
	ADDQ        $8, CX
	JZ          done
	TAIL(CX)
	VMASKMOVPS  (DI), Y14, Y1
	VMASKMOVPS  (SI), Y14, Y2
	VMASKMOVPS  (DX), Y14, Y3
	VFMADD231PS Y3, Y2, Y1
	VMASKMOVPS  Y1, Y14, (DI)

done:
	VZEROUPPER
	RET

// func addToAVX2(dst, a, b []float32)
TEXT ·addToAVX2(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ a_base+24(FP), SI
	MOVQ b_base+48(FP), DX
	SUBQ $8, CX
	JL   tail

loop: // while n >= 8 {
	VMOVUPS (SI), Y0
	VMOVUPS (DX), Y1
	VADDPS  Y1, Y0, Y0
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
	VMASKMOVPS (SI), Y14, Y0
	VMASKMOVPS (DX), Y14, Y1
	VADDPS     Y1, Y0, Y0
	VMASKMOVPS Y0, Y14, (DI)

done:
	VZEROUPPER
	RET

// ROTATE turns the pairs (Y1, Y2) by the cosines Y3 and the sines Y4, times the turn Y0. It uses Y5 to Y8.
#define ROTATE \
	VMULPS Y0, Y4, Y4 \
	VMULPS Y3, Y1, Y5 \
	VMULPS Y4, Y2, Y6 \
	VMULPS Y3, Y2, Y7 \
	VMULPS Y4, Y1, Y8 \
	VSUBPS Y6, Y5, Y1 \
	VADDPS Y8, Y7, Y2

// func rotateAVX2(a, b, cos, sin []float32, turn float32)
TEXT ·rotateAVX2(SB), NOSPLIT, $0-100
	MOVQ         a_base+0(FP), DI
	MOVQ         a_len+8(FP), CX
	MOVQ         b_base+24(FP), SI
	MOVQ         cos_base+48(FP), DX
	MOVQ         sin_base+72(FP), BX
	VBROADCASTSS turn+96(FP), Y0
	SUBQ         $8, CX
	JL           tail

loop: // while n >= 8 {
	VMOVUPS (DI), Y1
	VMOVUPS (SI), Y2
	VMOVUPS (DX), Y3
	VMOVUPS (BX), Y4
	ROTATE
	VMOVUPS Y1, (DI)
	VMOVUPS Y2, (SI)
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (DI), Y14, Y1
	VMASKMOVPS (SI), Y14, Y2
	VMASKMOVPS (DX), Y14, Y3
	VMASKMOVPS (BX), Y14, Y4
	ROTATE
	VMASKMOVPS Y1, Y14, (DI)
	VMASKMOVPS Y2, Y14, (SI)

done:
	VZEROUPPER
	RET

// func indexAVX2(a []float32, x float32) int
TEXT ·indexAVX2(SB), NOSPLIT, $0-40
	MOVQ         a_base+0(FP), SI
	MOVQ         a_len+8(FP), CX
	VBROADCASTSS x+24(FP), Y0
	MOVQ         SI, DX
	SUBQ         $8, CX
	JL           tail

loop: // while n >= 8 {
	VCMPPS    $0, (SI), Y0, Y1
	VMOVMSKPS Y1, AX
	TESTL     AX, AX
	JNZ       found
	ADDQ      $32, SI
	SUBQ      $8, CX
	JGE       loop // }

tail:
	ADDQ       $8, CX
	JZ         none
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y1
	VCMPPS     $0, Y1, Y0, Y1
	VANDPS     Y14, Y1, Y1
	VMOVMSKPS  Y1, AX
	TESTL      AX, AX
	JNZ        found

none:
	MOVQ $-1, AX
	MOVQ AX, ret+32(FP)
	VZEROUPPER
	RET

found:
	BSFL AX, AX
	SUBQ DX, SI
	SHRQ $2, SI
	ADDQ SI, AX
	MOVQ AX, ret+32(FP)
	VZEROUPPER
	RET

#define SCALE  Y6
#define BLEND1 Y7
#define BETA2  Y8
#define BLEND2 Y9
#define ROOT   Y10
#define EPS    Y11
#define KEEP   Y12
#define RATE   Y13

// ADAMW updates the weights Y0, the gradients Y1, and the moments Y2 and Y3. It uses Y4.
#define ADAMW \
	VMULPS  SCALE, Y1, Y1  \ // g
	VSUBPS  Y2, Y1, Y4     \
	VMULPS  BLEND1, Y4, Y4 \
	VADDPS  Y4, Y2, Y2     \ // m
	VMULPS  BLEND2, Y1, Y4 \
	VMULPS  Y1, Y4, Y4     \
	VMULPS  BETA2, Y3, Y3  \
	VADDPS  Y4, Y3, Y3     \ // v
	VSQRTPS Y3, Y4         \
	VDIVPS  ROOT, Y4, Y4   \
	VADDPS  EPS, Y4, Y4    \
	VMULPS  RATE, Y2, Y1   \
	VDIVPS  Y4, Y1, Y1     \
	VMULPS  KEEP, Y0, Y0   \
	VADDPS  Y1, Y0, Y0

// func adamwAVX2(w, g, m, v []float32, f *AdamW)
TEXT ·adamwAVX2(SB), NOSPLIT, $0-104
	MOVQ         w_base+0(FP), DI
	MOVQ         w_len+8(FP), CX
	MOVQ         g_base+24(FP), SI
	MOVQ         m_base+48(FP), DX
	MOVQ         v_base+72(FP), BX
	MOVQ         f+96(FP), AX
	VBROADCASTSS AdamW_Scale(AX), SCALE
	VBROADCASTSS AdamW_Blend1(AX), BLEND1
	VBROADCASTSS AdamW_Beta2(AX), BETA2
	VBROADCASTSS AdamW_Blend2(AX), BLEND2
	VBROADCASTSS AdamW_Root(AX), ROOT
	VBROADCASTSS AdamW_Epsilon(AX), EPS
	VBROADCASTSS AdamW_Keep(AX), KEEP
	VBROADCASTSS AdamW_Rate(AX), RATE
	VXORPS       Y5, Y5, Y5
	SUBQ         $8, CX
	JL           tail

loop: // while n >= 8 {
	VMOVUPS (DI), Y0
	VMOVUPS (SI), Y1
	VMOVUPS (DX), Y2
	VMOVUPS (BX), Y3
	ADAMW
	VMOVUPS Y0, (DI)
	VMOVUPS Y5, (SI)
	VMOVUPS Y2, (DX)
	VMOVUPS Y3, (BX)
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	SUBQ    $8, CX
	JGE     loop // }

tail:
	ADDQ       $8, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (DI), Y14, Y0
	VMASKMOVPS (SI), Y14, Y1
	VMASKMOVPS (DX), Y14, Y2
	VMASKMOVPS (BX), Y14, Y3
	ADAMW
	VMASKMOVPS Y0, Y14, (DI)
	VMASKMOVPS Y5, Y14, (SI)
	VMASKMOVPS Y2, Y14, (DX)
	VMASKMOVPS Y3, Y14, (BX)

done:
	VZEROUPPER
	RET

// func widenBF16x8AVX2(dst []float32, src []uint16): a multiple of 8 elements
TEXT ·widenBF16x8AVX2(SB), NOSPLIT, $0-48
	MOVQ  dst_base+0(FP), DI
	MOVQ  dst_len+8(FP), CX
	MOVQ  src_base+24(FP), SI
	TESTQ CX, CX
	JZ    done

loop: // while n > 0 {
	VPMOVZXWD (SI), Y0
	VPSLLD    $16, Y0, Y0
	VMOVUPS   Y0, (DI)
	ADDQ      $16, SI
	ADDQ      $32, DI
	SUBQ      $8, CX
	JNZ       loop // }

done:
	VZEROUPPER
	RET

// func widenF16x8AVX2(dst []float32, src []uint16): a multiple of 8 elements
TEXT ·widenF16x8AVX2(SB), NOSPLIT, $0-48
	MOVQ  dst_base+0(FP), DI
	MOVQ  dst_len+8(FP), CX
	MOVQ  src_base+24(FP), SI
	TESTQ CX, CX
	JZ    done

loop: // while n > 0 {
	VCVTPH2PS (SI), Y0
	VMOVUPS   Y0, (DI)
	ADDQ      $16, SI
	ADDQ      $32, DI
	SUBQ      $8, CX
	JNZ       loop // }

done:
	VZEROUPPER
	RET

// The shifts that bring the codes of a group of four bytes, the upper half of each first, down to the lowest bits.
DATA shifts4<>+0(SB)/4, $4
DATA shifts4<>+4(SB)/4, $0
DATA shifts4<>+8(SB)/4, $12
DATA shifts4<>+12(SB)/4, $8
DATA shifts4<>+16(SB)/4, $20
DATA shifts4<>+20(SB)/4, $16
DATA shifts4<>+24(SB)/4, $28
DATA shifts4<>+28(SB)/4, $24
GLOBL shifts4<>(SB), RODATA|NOPTR, $32

// func widen4x8AVX2(dst []float32, codes []byte, values *[16]float32, scale float32): a multiple of 8 elements
TEXT ·widen4x8AVX2(SB), NOSPLIT, $0-60
	MOVQ         dst_base+0(FP), DI
	MOVQ         dst_len+8(FP), CX
	MOVQ         codes_base+24(FP), SI
	MOVQ         values+48(FP), AX
	VBROADCASTSS scale+56(FP), Y4
	VMOVDQU      shifts4<>(SB), Y5
	VMOVUPS      (AX), Y6 // values 0 to 7
	VMOVUPS      32(AX), Y7 // and 8 to 15
	TESTQ        CX, CX
	JZ           done

loop: // while n > 0 {
	VPBROADCASTD (SI), Y0
	VPSRLVD      Y5, Y0, Y0
	VPERMPS      Y6, Y0, Y1 // it reads three bits
	VPERMPS      Y7, Y0, Y2
	VPSLLD       $28, Y0, Y0 // the fourth chooses
	VBLENDVPS    Y0, Y2, Y1, Y1
	VMULPS       Y4, Y1, Y1
	VMOVUPS      Y1, (DI)
	ADDQ         $4, SI
	ADDQ         $32, DI
	SUBQ         $8, CX
	JNZ          loop // }

done:
	VZEROUPPER
	RET
