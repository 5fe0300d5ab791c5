#include "textflag.h"

// func copy32AVX512(dst, src []float32, stride, k int)
TEXT ·copy32AVX512(SB), NOSPLIT, $0-64
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ stride+48(FP), R8
	MOVQ k+56(FP), CX
	SHLQ $2, R8

loop: // do {
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	ADDQ    R8, SI
	ADDQ    $128, DI
	DECQ    CX
	JNZ     loop // } while --k > 0
	VZEROUPPER
	RET

// func copy12AVX512(dst, src []float32, stride, k int)
TEXT ·copy12AVX512(SB), NOSPLIT, $0-64
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ stride+48(FP), R8
	MOVQ k+56(FP), CX
	SHLQ $2, R8

loop: // do {
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), X1
	VMOVUPS Y0, (DI)
	VMOVUPS X1, 32(DI)
	ADDQ    R8, SI
	ADDQ    $48, DI
	DECQ    CX
	JNZ     loop // } while --k > 0
	VZEROUPPER
	RET

// func copy32BF16AVX512(dst []float32, src []uint16, stride, k int)
TEXT ·copy32BF16AVX512(SB), NOSPLIT, $0-64
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ stride+48(FP), R8
	MOVQ k+56(FP), CX
	SHLQ $1, R8

loop: // do {
	VPMOVZXWD (SI), Z0
	VPMOVZXWD 32(SI), Z1
	VPSLLD    $16, Z0, Z0
	VPSLLD    $16, Z1, Z1
	VMOVUPS   Z0, (DI)
	VMOVUPS   Z1, 64(DI)
	ADDQ      R8, SI
	ADDQ      $128, DI
	DECQ      CX
	JNZ       loop // } while --k > 0
	VZEROUPPER
	RET
