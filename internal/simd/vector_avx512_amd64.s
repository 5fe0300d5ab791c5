#include "textflag.h"
#include "go_asm.h"
#include "lanes512_amd64.h"

// Kernels that only load, add and store have a body without masks, which is a fifth faster, and one for the last group: GROUPS, the body, REST,
// the body with masks, DONE.
#define GROUPS \
	SUBQ $16, CX \
	JL   tail    \
loop:

#define REST \
	SUBQ $16, CX \
	JGE  loop    \
tail: \
	ADDQ $16, CX \
	JZ   done    \
	MASK

#define DONE \
done:

// func dotAVX512(a, b []float32) float32
TEXT ·dotAVX512(SB), NOSPLIT, $0-52
	MOVQ        a_base+0(FP), SI
	MOVQ        a_len+8(FP), CX
	MOVQ        b_base+24(FP), DI
	VXORPS      Z0, Z0, Z0
	GROUPS
	VMOVUPS     (SI), Z2
	VFMADD231PS (DI), Z2, Z0
	ADDQ        $64, SI
	ADDQ        $64, DI
	REST
	VMOVUPS.Z   (SI), K1, Z2
	VMOVUPS.Z   (DI), K1, Z3
	VFMADD231PS Z3, Z2, Z0
	DONE
	TREE512
	VMOVSS      X0, ret+48(FP)
	VZEROUPPER
	RET

// func maxAVX512(a []float32) float32
//
// A maximum does not depend on the order, so four chains run side by side. VMAXPS gives its first operand, as written here, when one is a
// NaN: the maximum so far.
TEXT ·maxAVX512(SB), NOSPLIT, $0-28
	MOVQ         a_base+0(FP), SI
	MOVQ         a_len+8(FP), CX
	MOVL         $0xff800000, AX // -Inf
	VPBROADCASTD AX, Z0
	VMOVAPS      Z0, Z1
	VMOVAPS      Z0, Z2
	VMOVAPS      Z0, Z3
	VMOVAPS      Z0, Z13
	JMP          fours

four: // while n >= 64 {
	VMOVUPS (SI), Z4
	VMOVUPS 64(SI), Z5
	VMOVUPS 128(SI), Z6
	VMOVUPS 192(SI), Z7
	VMAXPS  Z0, Z4, Z0
	VMAXPS  Z1, Z5, Z1
	VMAXPS  Z2, Z6, Z2
	VMAXPS  Z3, Z7, Z3
	ADDQ    $256, SI

fours:
	SUBQ          $64, CX
	JGE           four // }
	ADDQ          $64, CX
	VMAXPS        Z1, Z0, Z0
	VMAXPS        Z3, Z2, Z2
	VMAXPS        Z2, Z0, Z0
	GROUPS
	VMOVUPS       (SI), Z4
	VMAXPS        Z0, Z4, Z0
	ADDQ          $64, SI
	REST
	VMOVUPS       (SI), K1, Z13 // -Inf where there is no element
	VMAXPS        Z0, Z13, Z0
	DONE
	MAX512
	VMOVSS        X0, ret+24(FP)
	VZEROUPPER
	RET

// func axpyAVX512(dst []float32, a float32, x []float32)
TEXT ·axpyAVX512(SB), NOSPLIT, $0-56
	MOVQ         dst_base+0(FP), DI
	MOVQ         dst_len+8(FP), CX
	VBROADCASTSS a+24(FP), Z0
	MOVQ         x_base+32(FP), SI
	GROUPS
	VMOVUPS      (DI), Z1
	VFMADD231PS  (SI), Z0, Z1
	VMOVUPS      Z1, (DI)
	ADDQ         $64, SI
	ADDQ         $64, DI
	REST
	VMOVUPS.Z    (DI), K1, Z1
	VMOVUPS.Z    (SI), K1, Z2
	VFMADD231PS  Z2, Z0, Z1
	VMOVUPS      Z1, K1, (DI)
	DONE
	VZEROUPPER
	RET

// func scaleAVX512(dst []float32, a float32)
TEXT ·scaleAVX512(SB), NOSPLIT, $0-28
	MOVQ         dst_base+0(FP), DI
	MOVQ         dst_len+8(FP), CX
	VBROADCASTSS a+24(FP), Z0
	GROUPS
	VMULPS       (DI), Z0, Z1
	VMOVUPS      Z1, (DI)
	ADDQ         $64, DI
	REST
	VMOVUPS.Z    (DI), K1, Z1
	VMULPS       Z1, Z0, Z1
	VMOVUPS      Z1, K1, (DI)
	DONE
	VZEROUPPER
	RET

// func addAVX512(dst, x []float32)
TEXT ·addAVX512(SB), NOSPLIT, $0-48
	MOVQ      dst_base+0(FP), DI
	MOVQ      dst_len+8(FP), CX
	MOVQ      x_base+24(FP), SI
	GROUPS
	VMOVUPS   (DI), Z1
	VADDPS    (SI), Z1, Z1
	VMOVUPS   Z1, (DI)
	ADDQ      $64, SI
	ADDQ      $64, DI
	REST
	VMOVUPS.Z (DI), K1, Z1
	VMOVUPS.Z (SI), K1, Z2
	VADDPS    Z2, Z1, Z1
	VMOVUPS   Z1, K1, (DI)
	DONE
	VZEROUPPER
	RET

// func addToAVX512(dst, a, b []float32)
TEXT ·addToAVX512(SB), NOSPLIT, $0-72
	MOVQ      dst_base+0(FP), DI
	MOVQ      dst_len+8(FP), CX
	MOVQ      a_base+24(FP), SI
	MOVQ      b_base+48(FP), DX
	GROUPS
	VMOVUPS   (SI), Z1
	VADDPS    (DX), Z1, Z1
	VMOVUPS   Z1, (DI)
	ADDQ      $64, SI
	ADDQ      $64, DX
	ADDQ      $64, DI
	REST
	VMOVUPS.Z (SI), K1, Z1
	VMOVUPS.Z (DX), K1, Z2
	VADDPS    Z2, Z1, Z1
	VMOVUPS   Z1, K1, (DI)
	DONE
	VZEROUPPER
	RET

// func mulAVX512(dst, x []float32)
TEXT ·mulAVX512(SB), NOSPLIT, $0-48
	MOVQ      dst_base+0(FP), DI
	MOVQ      dst_len+8(FP), CX
	MOVQ      x_base+24(FP), SI
	GROUPS
	VMOVUPS   (DI), Z1
	VMULPS    (SI), Z1, Z1
	VMOVUPS   Z1, (DI)
	ADDQ      $64, SI
	ADDQ      $64, DI
	REST
	VMOVUPS.Z (DI), K1, Z1
	VMOVUPS.Z (SI), K1, Z2
	VMULPS    Z2, Z1, Z1
	VMOVUPS   Z1, K1, (DI)
	DONE
	VZEROUPPER
	RET

// func mulAddAVX512(dst, a, b []float32)
TEXT ·mulAddAVX512(SB), NOSPLIT, $0-72
	MOVQ        dst_base+0(FP), DI
	MOVQ        dst_len+8(FP), CX
	MOVQ        a_base+24(FP), SI
	MOVQ        b_base+48(FP), DX
	GROUPS
	VMOVUPS     (DI), Z1
	VMOVUPS     (SI), Z2
	VFMADD231PS (DX), Z2, Z1
	VMOVUPS     Z1, (DI)
	ADDQ        $64, SI
	ADDQ        $64, DX
	ADDQ        $64, DI
	REST
	VMOVUPS.Z   (DI), K1, Z1
	VMOVUPS.Z   (SI), K1, Z2
	VMOVUPS.Z   (DX), K1, Z3
	VFMADD231PS Z3, Z2, Z1
	VMOVUPS     Z1, K1, (DI)
	DONE
	VZEROUPPER
	RET

// ROTATE turns the pairs (Z1, Z2) by the cosines Z3 and the sines Z4, which are those of the turn. It uses Z5 to Z8.
#define ROTATE \
	VMULPS Z3, Z1, Z5 \
	VMULPS Z4, Z2, Z6 \
	VMULPS Z3, Z2, Z7 \
	VMULPS Z4, Z1, Z8 \
	VSUBPS Z6, Z5, Z1 \
	VADDPS Z8, Z7, Z2

// func rotateAVX512(a, b, cos, sin []float32, turn float32)
TEXT ·rotateAVX512(SB), NOSPLIT, $0-100
	MOVQ         a_base+0(FP), DI
	MOVQ         a_len+8(FP), CX
	MOVQ         b_base+24(FP), SI
	MOVQ         cos_base+48(FP), DX
	MOVQ         sin_base+72(FP), BX
	VBROADCASTSS turn+96(FP), Z0
	GROUPS
	VMOVUPS      (DI), Z1
	VMOVUPS      (SI), Z2
	VMOVUPS      (DX), Z3
	VMULPS       (BX), Z0, Z4
	ROTATE
	VMOVUPS      Z1, (DI)
	VMOVUPS      Z2, (SI)
	ADDQ         $64, DI
	ADDQ         $64, SI
	ADDQ         $64, DX
	ADDQ         $64, BX
	REST
	VMOVUPS.Z    (DI), K1, Z1
	VMOVUPS.Z    (SI), K1, Z2
	VMOVUPS.Z    (DX), K1, Z3
	VMOVUPS.Z    (BX), K1, Z4
	VMULPS       Z4, Z0, Z4
	ROTATE
	VMOVUPS      Z1, K1, (DI)
	VMOVUPS      Z2, K1, (SI)
	DONE
	VZEROUPPER
	RET

// func indexAVX512(a []float32, x float32) int
TEXT ·indexAVX512(SB), NOSPLIT, $0-40
	MOVQ         a_base+0(FP), SI
	MOVQ         a_len+8(FP), CX
	VBROADCASTSS x+24(FP), Z0
	MOVQ         SI, DX
	GROUPS
	VCMPPS       $0, (SI), Z0, K2
	KORTESTW     K2, K2
	JNZ          found
	ADDQ         $64, SI
	REST
	VMOVUPS.Z    (SI), K1, Z1
	VCMPPS       $0, Z1, Z0, K1, K2
	KORTESTW     K2, K2
	JNZ          found
	DONE
	MOVQ         $-1, AX
	MOVQ         AX, ret+32(FP)
	VZEROUPPER
	RET

found:
	KMOVW K2, AX
	BSFL  AX, AX
	SUBQ  DX, SI
	SHRQ  $2, SI
	ADDQ  SI, AX
	MOVQ  AX, ret+32(FP)
	VZEROUPPER
	RET

#define SCALE  Z16
#define BLEND1 Z17
#define BETA2  Z18
#define BLEND2 Z19
#define ROOT   Z20
#define EPS    Z21
#define KEEP   Z22
#define RATE   Z23

// ADAMW updates the weights Z0, the gradients Z1, and the moments Z2 and Z3. It uses Z4.
#define ADAMW \
	VMULPS  SCALE, Z1, Z1  \ // g
	VSUBPS  Z2, Z1, Z4     \
	VMULPS  BLEND1, Z4, Z4 \
	VADDPS  Z4, Z2, Z2     \ // m
	VMULPS  BLEND2, Z1, Z4 \
	VMULPS  Z1, Z4, Z4     \
	VMULPS  BETA2, Z3, Z3  \
	VADDPS  Z4, Z3, Z3     \ // v
	VSQRTPS Z3, Z4         \
	VDIVPS  ROOT, Z4, Z4   \
	VADDPS  EPS, Z4, Z4    \
	VMULPS  RATE, Z2, Z1   \
	VDIVPS  Z4, Z1, Z1     \
	VMULPS  KEEP, Z0, Z0   \
	VADDPS  Z1, Z0, Z0

// func adamwAVX512(w, g, m, v []float32, f *AdamW)
TEXT ·adamwAVX512(SB), NOSPLIT, $0-104
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
	VXORPS       Z5, Z5, Z5
	GROUPS
	VMOVUPS      (DI), Z0
	VMOVUPS      (SI), Z1
	VMOVUPS      (DX), Z2
	VMOVUPS      (BX), Z3
	ADAMW
	VMOVUPS      Z0, (DI)
	VMOVUPS      Z5, (SI)
	VMOVUPS      Z2, (DX)
	VMOVUPS      Z3, (BX)
	ADDQ         $64, DI
	ADDQ         $64, SI
	ADDQ         $64, DX
	ADDQ         $64, BX
	REST
	VMOVUPS.Z    (DI), K1, Z0
	VMOVUPS.Z    (SI), K1, Z1
	VMOVUPS.Z    (DX), K1, Z2
	VMOVUPS.Z    (BX), K1, Z3
	ADAMW
	VMOVUPS      Z0, K1, (DI)
	VMOVUPS      Z5, K1, (SI)
	VMOVUPS      Z2, K1, (DX)
	VMOVUPS      Z3, K1, (BX)
	DONE
	VZEROUPPER
	RET

// func widenBF16AVX512(dst []float32, src []uint16)
TEXT ·widenBF16AVX512(SB), NOSPLIT, $0-48
	MOVQ        dst_base+0(FP), DI
	MOVQ        dst_len+8(FP), CX
	MOVQ        src_base+24(FP), SI
	GROUPS
	VPMOVZXWD   (SI), Z0
	VPSLLD      $16, Z0, Z0
	VMOVUPS     Z0, (DI)
	ADDQ        $32, SI
	ADDQ        $64, DI
	REST
	VPMOVZXWD.Z (SI), K1, Z0
	VPSLLD      $16, Z0, Z0
	VMOVUPS     Z0, K1, (DI)
	DONE
	VZEROUPPER
	RET

// func widenF16AVX512(dst []float32, src []uint16)
TEXT ·widenF16AVX512(SB), NOSPLIT, $0-48
	MOVQ        dst_base+0(FP), DI
	MOVQ        dst_len+8(FP), CX
	MOVQ        src_base+24(FP), SI
	GROUPS
	VCVTPH2PS   (SI), Z0
	VMOVUPS     Z0, (DI)
	ADDQ        $32, SI
	ADDQ        $64, DI
	REST
	VCVTPH2PS.Z (SI), K1, Z0
	VMOVUPS     Z0, K1, (DI)
	DONE
	VZEROUPPER
	RET

// Of eight bytes, the first four serve lanes 0-7, the others 8-15; a shift brings the code of a lane, the upper half of a byte first, down to
// the lowest bits.
DATA half4<>+0(SB)/8, $0x0000000000000000
DATA half4<>+8(SB)/8, $0x0000000000000000
DATA half4<>+16(SB)/8, $0x0000000000000000
DATA half4<>+24(SB)/8, $0x0000000000000000
DATA half4<>+32(SB)/8, $0x0000000100000001
DATA half4<>+40(SB)/8, $0x0000000100000001
DATA half4<>+48(SB)/8, $0x0000000100000001
DATA half4<>+56(SB)/8, $0x0000000100000001
GLOBL half4<>(SB), RODATA|NOPTR, $64
DATA shift4<>+0(SB)/8, $0x0000000000000004
DATA shift4<>+8(SB)/8, $0x000000080000000c
DATA shift4<>+16(SB)/8, $0x0000001000000014
DATA shift4<>+24(SB)/8, $0x000000180000001c
DATA shift4<>+32(SB)/8, $0x0000000000000004
DATA shift4<>+40(SB)/8, $0x000000080000000c
DATA shift4<>+48(SB)/8, $0x0000001000000014
DATA shift4<>+56(SB)/8, $0x000000180000001c
GLOBL shift4<>(SB), RODATA|NOPTR, $64

// CODES is Z0 = values[code]*scale of the eight bytes in X0. VPERMPS reads four bits of an index.
#define CODES \
	VPERMD  Z0, Z5, Z0 \
	VPSRLVD Z6, Z0, Z0 \
	VPERMPS Z7, Z0, Z0 \
	VMULPS  Z4, Z0, Z0

// func widen4AVX512(dst []float32, codes []byte, values *[16]float32, scale float32)
TEXT ·widen4AVX512(SB), NOSPLIT, $0-60
	MOVQ         dst_base+0(FP), DI
	MOVQ         dst_len+8(FP), CX
	MOVQ         codes_base+24(FP), SI
	MOVQ         values+48(FP), AX
	VBROADCASTSS scale+56(FP), Z4
	VMOVDQU32    half4<>(SB), Z5
	VMOVDQU32    shift4<>(SB), Z6
	VMOVUPS      (AX), Z7
	GROUPS
	VMOVQ        (SI), X0
	CODES
	VMOVUPS      Z0, (DI)
	ADDQ         $8, SI
	ADDQ         $64, DI
	REST
	INCQ         CX // its bytes: half the codes, rounded up
	SHRQ         $1, CX
	MOVL         $1, AX
	SHLL         CX, AX
	DECL         AX
	KMOVW        AX, K2
	VMOVDQU8.Z   (SI), K2, X0
	CODES
	VMOVUPS      Z0, K1, (DI)
	DONE
	VZEROUPPER
	RET
