#include "textflag.h"
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

// func sumAVX2(a []float32) float32
TEXT ·sumAVX2(SB), NOSPLIT, $0-28
	MOVQ   a_base+0(FP), SI
	MOVQ   a_len+8(FP), CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	SUBQ   $16, CX
	JL     tail

loop: // while n >= 16 {
	VADDPS (SI), Y0, Y0
	VADDPS 32(SI), Y1, Y1
	ADDQ   $64, SI
	SUBQ   $16, CX
	JGE    loop // }

tail:
	ADDQ       $16, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), Y14, Y2
	VMASKMOVPS 32(SI), Y15, Y3
	VADDPS     Y2, Y0, Y0
	VADDPS     Y3, Y1, Y1

done:
	TREE
	VMOVSS X0, ret+24(FP)
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
	VMOVUPS      (AX), Y6   // values 0 to 7
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
