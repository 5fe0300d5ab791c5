#include "textflag.h"

// COPYARGS reads the arguments of a copyN. Elements of src have 1<<shift bytes.
#define COPYARGS(shift) \
	MOVQ dst_base+0(FP), DI  \
	MOVQ src_base+24(FP), SI \
	MOVQ stride+48(FP), R8   \
	MOVQ k+56(FP), CX        \
	SHLQ $shift, R8

// AGAIN goes on with the next group, which is bytes on in dst, or returns.
#define AGAIN(bytes) \
	ADDQ R8, SI     \
	ADDQ $bytes, DI \
	DECQ CX         \
	JNZ  loop       \ // } while --k > 0
	VZEROUPPER      \
	RET

// func copy48AVX512(dst, src []float32, stride, k int)
TEXT ·copy48AVX512(SB), NOSPLIT, $0-64
	COPYARGS(2)

loop: // do {
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	VMOVUPS 128(SI), Z2
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VMOVUPS Z2, 128(DI)
	AGAIN(192)

// func copy32AVX512(dst, src []float32, stride, k int)
TEXT ·copy32AVX512(SB), NOSPLIT, $0-64
	COPYARGS(2)

loop: // do {
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	AGAIN(128)

// func copy8AVX512(dst, src []float32, stride, k int)
TEXT ·copy8AVX512(SB), NOSPLIT, $0-64
	COPYARGS(2)

loop: // do {
	VMOVUPS (SI), Y0
	VMOVUPS Y0, (DI)
	AGAIN(32)

// func copy48BF16AVX512(dst []float32, src []uint16, stride, k int)
TEXT ·copy48BF16AVX512(SB), NOSPLIT, $0-64
	COPYARGS(1)

loop: // do {
	VPMOVZXWD (SI), Z0
	VPMOVZXWD 32(SI), Z1
	VPMOVZXWD 64(SI), Z2
	VPSLLD    $16, Z0, Z0
	VPSLLD    $16, Z1, Z1
	VPSLLD    $16, Z2, Z2
	VMOVUPS   Z0, (DI)
	VMOVUPS   Z1, 64(DI)
	VMOVUPS   Z2, 128(DI)
	AGAIN(192)

// func copy32BF16AVX512(dst []float32, src []uint16, stride, k int)
TEXT ·copy32BF16AVX512(SB), NOSPLIT, $0-64
	COPYARGS(1)

loop: // do {
	VPMOVZXWD (SI), Z0
	VPMOVZXWD 32(SI), Z1
	VPSLLD    $16, Z0, Z0
	VPSLLD    $16, Z1, Z1
	VMOVUPS   Z0, (DI)
	VMOVUPS   Z1, 64(DI)
	AGAIN(128)

// func copy4x8AVX512(dst []float32, step int, src []float32, stride, k int)
TEXT ·copy4x8AVX512(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ step+24(FP), R9
	MOVQ src_base+32(FP), SI
	MOVQ stride+56(FP), R8
	MOVQ k+64(FP), CX
	SHLQ $2, R8
	SHLQ $2, R9
	LEAQ (DI)(R9*2), R10

loop: // do {
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS 64(SI), Y2
	VMOVUPS 96(SI), Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, (DI)(R9*1)
	VMOVUPS Y2, (R10)
	VMOVUPS Y3, (R10)(R9*1)
	ADDQ    R8, SI
	ADDQ    $32, DI
	ADDQ    $32, R10
	DECQ    CX
	JNZ     loop // } while --k > 0
	VZEROUPPER
	RET
