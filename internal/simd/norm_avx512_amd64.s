#include "textflag.h"
#include "lanes512_amd64.h"

// MASK64 sets K1 to the first n of 16 lanes, n in CX, and K2 to the last 8 of these. It uses AX.
#define MASK64 \
	MASK         \
	SHRL  $8, AX \
	KMOVW AX, K2

// func sum64AVX512(a []float32) float64
TEXT ·sum64AVX512(SB), NOSPLIT, $0-32
	MOVQ   a_base+0(FP), SI
	MOVQ   a_len+8(FP), CX
	VXORPS Z8, Z8, Z8 // lanes 0-7
	VXORPS Z9, Z9, Z9 // lanes 8-15
	SUBQ   $16, CX
	JL     tail

loop: // while n >= 16 {
	VCVTPS2PD (SI), Z0
	VCVTPS2PD 32(SI), Z1
	VADDPD    Z0, Z8, Z8
	VADDPD    Z1, Z9, Z9
	ADDQ      $64, SI
	SUBQ      $16, CX
	JGE       loop // }

tail:
	ADDQ        $16, CX
	JZ          done
	MASK64
	VCVTPS2PD.Z (SI), K1, Z0
	VCVTPS2PD.Z 32(SI), K2, Z1
	VADDPD      Z0, Z8, Z8
	VADDPD      Z1, Z9, Z9

done:
	TREE64(Z8, Z9, Y8, X8)
	VMOVSD X8, ret+24(FP)
	VZEROUPPER
	RET

// func sumSqAVX512(a []float32, mean float64) float64
TEXT ·sumSqAVX512(SB), NOSPLIT, $0-40
	MOVQ         a_base+0(FP), SI
	MOVQ         a_len+8(FP), CX
	VBROADCASTSD mean+24(FP), Z4
	VXORPS       Z8, Z8, Z8
	VXORPS       Z9, Z9, Z9
	SUBQ         $16, CX
	JL           tail

loop: // while n >= 16 {
	VCVTPS2PD (SI), Z0
	VCVTPS2PD 32(SI), Z1
	VSUBPD    Z4, Z0, Z0
	VSUBPD    Z4, Z1, Z1
	VMULPD    Z0, Z0, Z0
	VMULPD    Z1, Z1, Z1
	VADDPD    Z0, Z8, Z8
	VADDPD    Z1, Z9, Z9
	ADDQ      $64, SI
	SUBQ      $16, CX
	JGE       loop // }

tail:
	ADDQ        $16, CX
	JZ          done
	MASK64
	VCVTPS2PD.Z (SI), K1, Z0
	VCVTPS2PD.Z 32(SI), K2, Z1
	VSUBPD      Z4, Z0, Z0
	VSUBPD      Z4, Z1, Z1
	VMULPD      Z0, Z0, Z0
	VMULPD      Z1, Z1, Z1
	VADDPD      Z0, Z8, K1, Z8
	VADDPD      Z1, Z9, K2, Z9

done:
	TREE64(Z8, Z9, Y8, X8)
	VMOVSD X8, ret+32(FP)
	VZEROUPPER
	RET

// func normalizeAVX512(y, x, g, b []float32, plus, mean, r float64)
TEXT ·normalizeAVX512(SB), NOSPLIT, $0-120
	MOVQ         y_base+0(FP), DI
	MOVQ         y_len+8(FP), CX
	MOVQ         x_base+24(FP), SI
	MOVQ         g_base+48(FP), DX
	MOVQ         b_base+72(FP), BX
	MOVQ         b_len+80(FP), R8
	VBROADCASTSD plus+96(FP), Z4
	VBROADCASTSD mean+104(FP), Z5
	VBROADCASTSD r+112(FP), Z6
	TESTQ        CX, CX
	JLE          done
	KXNORW       K1, K1, K1

loop: // while n > 0 {
	CMPQ CX, $8
	JGE  body
	MASK

body:
	VCVTPS2PD.Z (SI), K1, Z0
	VCVTPS2PD.Z (DX), K1, Z1
	VSUBPD      Z5, Z0, Z0
	VADDPD      Z1, Z4, Z1
	VMULPD      Z6, Z0, Z0
	VMULPD      Z1, Z0, Z0
	TESTQ       R8, R8
	JZ          store
	VCVTPS2PD.Z (BX), K1, Z1
	VADDPD      Z1, Z0, Z0
	ADDQ        $32, BX

store:
	VCVTPD2PS Z0, Y0
	VMOVUPS   Y0, K1, (DI)
	ADDQ      $32, SI
	ADDQ      $32, DX
	ADDQ      $32, DI
	SUBQ      $8, CX
	JG        loop // }

done:
	VZEROUPPER
	RET

// func normSumsAVX512(u, x, g, dg, db []float32, plus, mean, r float32) (sum, dot float32)
TEXT ·normSumsAVX512(SB), NOSPLIT, $0-144
	MOVQ         u_base+0(FP), DI
	MOVQ         u_len+8(FP), CX
	MOVQ         x_base+24(FP), SI
	MOVQ         g_base+48(FP), DX
	MOVQ         dg_base+72(FP), R8
	MOVQ         dg_len+80(FP), R9
	MOVQ         db_base+96(FP), R10
	MOVQ         db_len+104(FP), R11
	VBROADCASTSS plus+120(FP), Z4
	VBROADCASTSS mean+124(FP), Z5
	VBROADCASTSS r+128(FP), Z6
	VXORPS       Z8, Z8, Z8 // sum
	VXORPS       Z9, Z9, Z9 // dot
	SUBQ         DI, DX // g lies so far behind u,
	SUBQ         DI, R8 // and dg,
	SUBQ         DI, R10 // and db
	BEGIN
	VMOVUPS.Z    (DI), K1, Z0 // dy
	VMOVUPS.Z    (SI), K1, Z1
	VMOVUPS.Z    (DI)(DX*1), K1, Z2
	VSUBPS.Z     Z5, Z1, K1, Z1 // x - mean
	TESTQ        R9, R9
	JZ           bias
	VMOVUPS.Z    (DI)(R8*1), K1, Z3
	VMULPS       Z6, Z1, Z7
	VFMADD231PS  Z0, Z7, Z3
	VMOVUPS      Z3, K1, (DI)(R8*1)
bias:
	TESTQ    R11, R11
	JZ       weighted
	VADDPS.Z (DI)(R10*1), Z0, K1, Z3
	VMOVUPS  Z3, K1, (DI)(R10*1)
weighted:
	VADDPS      Z4, Z2, Z2
	VMULPS      Z2, Z0, Z0
	VMOVUPS     Z0, K1, (DI)
	VADDPS      Z0, Z8, K1, Z8
	VFMADD231PS Z0, Z1, K1, Z9
	END
	VMOVAPS     Z8, Z0
	TREE512
	VMOVSS      X0, sum+136(FP)
	VMOVAPS     Z9, Z0
	TREE512
	VMOVSS      X0, dot+140(FP)
	VZEROUPPER
	RET

// func normGradAVX512(dx, u, x []float32, r, shift, slope, mean float32, add bool)
TEXT ·normGradAVX512(SB), NOSPLIT, $0-89
	MOVQ         dx_base+0(FP), DI
	MOVQ         dx_len+8(FP), CX
	MOVQ         u_base+24(FP), SI
	MOVQ         x_base+48(FP), DX
	VBROADCASTSS r+72(FP), Z4
	VBROADCASTSS shift+76(FP), Z5
	VBROADCASTSS slope+80(FP), Z6
	VBROADCASTSS mean+84(FP), Z7
	MOVBLZX      add+88(FP), R8
	SUBQ         DI, DX
	BEGIN
	VMOVUPS.Z    (SI), K1, Z0
	VMOVUPS.Z    (DI)(DX*1), K1, Z1
	VSUBPS       Z5, Z0, Z0
	VSUBPS       Z7, Z1, Z1
	VMULPS       Z4, Z0, Z0
	VFNMADD231PS Z1, Z6, Z0 // -slope*(x-mean) + r*(u-shift)
	TESTL        R8, R8
	JZ           store
	VADDPS.Z     (DI), Z0, K1, Z0
store:
	VMOVUPS Z0, K1, (DI)
	END
	VZEROUPPER
	RET
