#include "textflag.h"

// func copy16AVX2(dst, src []float32, stride, k int)
TEXT ·copy16AVX2(SB), NOSPLIT, $0-64
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ stride+48(FP), R8
	MOVQ k+56(FP), CX
	SHLQ $2, R8

loop: // do {
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ    R8, SI
	ADDQ    $64, DI
	DECQ    CX
	JNZ     loop // } while --k > 0
	VZEROUPPER
	RET

// func copy6AVX2(dst, src []float32, stride, k int)
TEXT ·copy6AVX2(SB), NOSPLIT, $0-64
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ stride+48(FP), R8
	MOVQ k+56(FP), CX
	SHLQ $2, R8

loop: // do {
	VMOVUPS (SI), X0
	VMOVSD  16(SI), X1
	VMOVUPS X0, (DI)
	VMOVSD  X1, 16(DI)
	ADDQ    R8, SI
	ADDQ    $24, DI
	DECQ    CX
	JNZ     loop // } while --k > 0
	RET

// Y0 … Y3 hold four elements of rows 0 and 4, 1 and 5, 2 and 6, 3 and 7; then column 0, 1, 2, 3 of the rows 0 … 7.
#define TRANSPOSE \
	VUNPCKLPS Y1, Y0, Y4       \ // row 0, 1, 0, 1 of columns 0, 0, 1, 1 and so on
	VUNPCKHPS Y1, Y0, Y5       \
	VUNPCKLPS Y3, Y2, Y6       \
	VUNPCKHPS Y3, Y2, Y7       \
	VSHUFPS   $0x44, Y6, Y4, Y0 \
	VSHUFPS   $0xee, Y6, Y4, Y1 \
	VSHUFPS   $0x44, Y7, Y5, Y2 \
	VSHUFPS   $0xee, Y7, Y5, Y3

// func transpose8AVX2(dst []float32, w int, src []float32, stride, k int)
TEXT ·transpose8AVX2(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ w+24(FP), R11
	MOVQ src_base+32(FP), SI
	MOVQ stride+56(FP), R8
	MOVQ k+64(FP), CX
	SHLQ $2, R8
	SHLQ $2, R11
	LEAQ (R8)(R8*2), R9    // 3 rows
	LEAQ (SI)(R8*4), R10   // row 4
	LEAQ (R11)(R11*2), R12 // 3 rows of dst

loop: // do {
	VMOVUPS     (SI), X0
	VMOVUPS     (SI)(R8*1), X1
	VMOVUPS     (SI)(R8*2), X2
	VMOVUPS     (SI)(R9*1), X3
	VINSERTF128 $1, (R10), Y0, Y0
	VINSERTF128 $1, (R10)(R8*1), Y1, Y1
	VINSERTF128 $1, (R10)(R8*2), Y2, Y2
	VINSERTF128 $1, (R10)(R9*1), Y3, Y3
	TRANSPOSE
	VMOVUPS     Y0, (DI)
	VMOVUPS     Y1, (DI)(R11*1)
	VMOVUPS     Y2, (DI)(R11*2)
	VMOVUPS     Y3, (DI)(R12*1)
	ADDQ        $16, SI
	ADDQ        $16, R10
	LEAQ        (DI)(R11*4), DI
	SUBQ        $4, CX
	JNZ         loop // } while k -= 4, k > 0
	VZEROUPPER
	RET

// func transpose6AVX2(dst, src []float32, stride, k int)
TEXT ·transpose6AVX2(SB), NOSPLIT, $0-64
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ stride+48(FP), R8
	MOVQ k+56(FP), CX
	SHLQ $2, R8
	LEAQ (R8)(R8*2), R9  // 3 rows
	LEAQ (SI)(R8*4), R10 // row 4

loop: // do {
	VMOVUPS      (SI), X0
	VMOVUPS      (SI)(R8*1), X1
	VMOVUPS      (SI)(R8*2), X2
	VMOVUPS      (SI)(R9*1), X3
	VINSERTF128  $1, (R10), Y0, Y0
	VINSERTF128  $1, (R10)(R8*1), Y1, Y1
	TRANSPOSE
	VEXTRACTF128 $1, Y0, X4
	VEXTRACTF128 $1, Y1, X5
	VEXTRACTF128 $1, Y2, X6
	VEXTRACTF128 $1, Y3, X7
	VMOVUPS      X0, (DI)
	VMOVSD       X4, 16(DI)
	VMOVUPS      X1, 24(DI)
	VMOVSD       X5, 40(DI)
	VMOVUPS      X2, 48(DI)
	VMOVSD       X6, 64(DI)
	VMOVUPS      X3, 72(DI)
	VMOVSD       X7, 88(DI)
	ADDQ         $16, SI
	ADDQ         $16, R10
	ADDQ         $96, DI
	SUBQ         $4, CX
	JNZ          loop // } while k -= 4, k > 0
	VZEROUPPER
	RET

// func copy16BF16AVX2(dst []float32, src []uint16, stride, k int)
TEXT ·copy16BF16AVX2(SB), NOSPLIT, $0-64
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ stride+48(FP), R8
	MOVQ k+56(FP), CX
	SHLQ $1, R8

loop: // do {
	VPMOVZXWD (SI), Y0
	VPMOVZXWD 16(SI), Y1
	VPSLLD    $16, Y0, Y0
	VPSLLD    $16, Y1, Y1
	VMOVUPS   Y0, (DI)
	VMOVUPS   Y1, 32(DI)
	ADDQ      R8, SI
	ADDQ      $64, DI
	DECQ      CX
	JNZ       loop // } while --k > 0
	VZEROUPPER
	RET

// EIGHT loads eight elements of the rows a … a+3 and b … b+3, a row 4 before b, into Y8 … Y11.
#define EIGHT(a, b) \
	VMOVUPS     (a), X8                 \
	VMOVUPS     (a)(R8*1), X9           \
	VMOVUPS     (a)(R8*2), X10          \
	VMOVUPS     (a)(R9*1), X11          \
	VINSERTF128 $1, (b), Y8, Y8         \
	VINSERTF128 $1, (b)(R8*1), Y9, Y9   \
	VINSERTF128 $1, (b)(R8*2), Y10, Y10 \
	VINSERTF128 $1, (b)(R9*1), Y11, Y11

// WIDENLOW and WIDENHIGH put 16 zero bits below the first and the last four.
#define WIDENLOW \
	VPUNPCKLWD Y8, Y12, Y0  \
	VPUNPCKLWD Y9, Y12, Y1  \
	VPUNPCKLWD Y10, Y12, Y2 \
	VPUNPCKLWD Y11, Y12, Y3

#define WIDENHIGH \
	VPUNPCKHWD Y8, Y12, Y0  \
	VPUNPCKHWD Y9, Y12, Y1  \
	VPUNPCKHWD Y10, Y12, Y2 \
	VPUNPCKHWD Y11, Y12, Y3

// func transpose8BF16AVX2(dst []float32, w int, src []uint16, stride, k int)
TEXT ·transpose8BF16AVX2(SB), NOSPLIT, $0-72
	MOVQ  dst_base+0(FP), DI
	MOVQ  w+24(FP), R11
	MOVQ  src_base+32(FP), SI
	MOVQ  stride+56(FP), R8
	MOVQ  k+64(FP), CX
	SHLQ  $1, R8
	SHLQ  $2, R11
	LEAQ  (R8)(R8*2), R9    // 3 rows
	LEAQ  (SI)(R8*4), R10   // row 4
	LEAQ  (R11)(R11*2), R12 // 3 rows of dst
	VPXOR Y12, Y12, Y12

loop: // do {
	EIGHT(SI, R10)
	WIDENLOW
	TRANSPOSE
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, (DI)(R11*1)
	VMOVUPS Y2, (DI)(R11*2)
	VMOVUPS Y3, (DI)(R12*1)
	LEAQ    (DI)(R11*4), DI
	WIDENHIGH
	TRANSPOSE
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, (DI)(R11*1)
	VMOVUPS Y2, (DI)(R11*2)
	VMOVUPS Y3, (DI)(R12*1)
	LEAQ    (DI)(R11*4), DI
	ADDQ    $16, SI
	ADDQ    $16, R10
	SUBQ    $8, CX
	JNZ     loop // } while k -= 8, k > 0
	VZEROUPPER
	RET

// func prefetchRows(p uintptr, stride, rows, n int)
TEXT ·prefetchRows(SB), NOSPLIT, $0-32
	MOVQ p+0(FP), SI
	MOVQ stride+8(FP), R8
	MOVQ rows+16(FP), CX
	MOVQ n+24(FP), DX

row: // do {
	XORQ AX, AX

line: // for i := 0; i < n; i += 64 {
	PREFETCHT1 (SI)(AX*1)
	ADDQ       $64, AX
	CMPQ       AX, DX
	JLT        line // }
	ADDQ       R8, SI
	DECQ       CX
	JNZ        row // } while --rows > 0
	RET
