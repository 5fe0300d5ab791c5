#include "textflag.h"
#include "lanes_amd64.h"

// func sum64AVX2(a []float32) float64
//
// Lanes of float64, four each: 0-3 in Y8, then Y9, Y10 and Y11.
TEXT ·sum64AVX2(SB), NOSPLIT, $0-32
	MOVQ   a_base+0(FP), SI
	MOVQ   a_len+8(FP), CX
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9
	VXORPS Y10, Y10, Y10
	VXORPS Y11, Y11, Y11
	SUBQ   $16, CX
	JL     tail

loop: // while n >= 16 {
	VCVTPS2PD (SI), Y0
	VCVTPS2PD 16(SI), Y1
	VCVTPS2PD 32(SI), Y2
	VCVTPS2PD 48(SI), Y3
	VADDPD    Y0, Y8, Y8
	VADDPD    Y1, Y9, Y9
	VADDPD    Y2, Y10, Y10
	VADDPD    Y3, Y11, Y11
	ADDQ      $64, SI
	SUBQ      $16, CX
	JGE       loop // }

tail:
	ADDQ         $16, CX
	JZ           done
	TAIL(CX)
	VMASKMOVPS   (SI), Y14, Y0
	VMASKMOVPS   32(SI), Y15, Y2
	VEXTRACTF128 $1, Y0, X1
	VEXTRACTF128 $1, Y2, X3
	VCVTPS2PD    X0, Y0
	VCVTPS2PD    X1, Y1
	VCVTPS2PD    X2, Y2
	VCVTPS2PD    X3, Y3
	VADDPD       Y0, Y8, Y8
	VADDPD       Y1, Y9, Y9
	VADDPD       Y2, Y10, Y10
	VADDPD       Y3, Y11, Y11

done:
	TREE64(Y8, Y9, Y10, Y11, X8)
	VMOVSD X8, ret+24(FP)
	VZEROUPPER
	RET

// SQUARE is X = (X - Y4)².
#define SQUARE(X) \
	VSUBPD Y4, X, X \
	VMULPD X, X, X

// func sumSqAVX2(a []float32, mean float64) float64
TEXT ·sumSqAVX2(SB), NOSPLIT, $0-40
	MOVQ         a_base+0(FP), SI
	MOVQ         a_len+8(FP), CX
	VBROADCASTSD mean+24(FP), Y4
	VXORPS       Y8, Y8, Y8
	VXORPS       Y9, Y9, Y9
	VXORPS       Y10, Y10, Y10
	VXORPS       Y11, Y11, Y11
	SUBQ         $16, CX
	JL           tail

loop: // while n >= 16 {
	VCVTPS2PD (SI), Y0
	VCVTPS2PD 16(SI), Y1
	VCVTPS2PD 32(SI), Y2
	VCVTPS2PD 48(SI), Y3
	SQUARE(Y0)
	SQUARE(Y1)
	SQUARE(Y2)
	SQUARE(Y3)
	VADDPD    Y0, Y8, Y8
	VADDPD    Y1, Y9, Y9
	VADDPD    Y2, Y10, Y10
	VADDPD    Y3, Y11, Y11
	ADDQ      $64, SI
	SUBQ      $16, CX
	JGE       loop // }

tail:
	ADDQ         $16, CX
	JZ           done
	TAIL(CX)
	VMASKMOVPS   (SI), Y14, Y0
	VMASKMOVPS   32(SI), Y15, Y2
	VEXTRACTF128 $1, Y0, X1
	VEXTRACTF128 $1, Y2, X3
	VCVTPS2PD    X0, Y0
	VCVTPS2PD    X1, Y1
	VCVTPS2PD    X2, Y2
	VCVTPS2PD    X3, Y3
	SQUARE(Y0)
	SQUARE(Y1)
	SQUARE(Y2)
	SQUARE(Y3)
	VEXTRACTF128 $1, Y14, X6 // the masks, four lanes each, twice as wide: +0 where there is no element
	VEXTRACTF128 $1, Y15, X7
	VPMOVSXDQ    X14, Y14
	VPMOVSXDQ    X6, Y6
	VPMOVSXDQ    X15, Y15
	VPMOVSXDQ    X7, Y7
	VANDPD       Y14, Y0, Y0
	VANDPD       Y6, Y1, Y1
	VANDPD       Y15, Y2, Y2
	VANDPD       Y7, Y3, Y3
	VADDPD       Y0, Y8, Y8
	VADDPD       Y1, Y9, Y9
	VADDPD       Y2, Y10, Y10
	VADDPD       Y3, Y11, Y11

done:
	TREE64(Y8, Y9, Y10, Y11, X8)
	VMOVSD X8, ret+32(FP)
	VZEROUPPER
	RET

// func normalizeAVX2(y, x, g, b []float32, plus, mean, r float64)
TEXT ·normalizeAVX2(SB), NOSPLIT, $0-120
	MOVQ         y_base+0(FP), DI
	MOVQ         y_len+8(FP), CX
	MOVQ         x_base+24(FP), SI
	MOVQ         g_base+48(FP), DX
	MOVQ         b_base+72(FP), BX
	MOVQ         b_len+80(FP), R9
	VBROADCASTSD plus+96(FP), Y4
	VBROADCASTSD mean+104(FP), Y5
	VBROADCASTSD r+112(FP), Y6
	SUBQ         $4, CX
	JL           tail

loop: // while n >= 4 {
	VCVTPS2PD (SI), Y0
	VCVTPS2PD (DX), Y1
	VSUBPD    Y5, Y0, Y0
	VADDPD    Y1, Y4, Y1
	VMULPD    Y6, Y0, Y0
	VMULPD    Y1, Y0, Y0
	TESTQ     R9, R9
	JZ        store
	VCVTPS2PD (BX), Y1
	VADDPD    Y1, Y0, Y0
	ADDQ      $16, BX

store:
	VCVTPD2PSY Y0, X0
	VMOVUPS    X0, (DI)
	ADDQ       $16, SI
	ADDQ       $16, DX
	ADDQ       $16, DI
	SUBQ       $4, CX
	JGE        loop // }

tail:
	ADDQ       $4, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), X14, X0
	VMASKMOVPS (DX), X14, X1
	VCVTPS2PD  X0, Y0
	VCVTPS2PD  X1, Y1
	VSUBPD     Y5, Y0, Y0
	VADDPD     Y1, Y4, Y1
	VMULPD     Y6, Y0, Y0
	VMULPD     Y1, Y0, Y0
	TESTQ      R9, R9
	JZ         last
	VMASKMOVPS (BX), X14, X1
	VCVTPS2PD  X1, Y1
	VADDPD     Y1, Y0, Y0

last:
	VCVTPD2PSY Y0, X0
	VMASKMOVPS X0, X14, (DI)

done:
	VZEROUPPER
	RET

// func normSumsAVX2(u, x, g, dg, db []float32, plus, mean, r float32) (sum, dot float32)
TEXT ·normSumsAVX2(SB), NOSPLIT, $0-144
	MOVQ         u_base+0(FP), DI
	MOVQ         u_len+8(FP), CX
	MOVQ         x_base+24(FP), SI
	MOVQ         g_base+48(FP), DX
	MOVQ         dg_base+72(FP), R9
	MOVQ         dg_len+80(FP), R11
	MOVQ         db_base+96(FP), R10
	MOVQ         db_len+104(FP), R12
	VBROADCASTSS plus+120(FP), Y4
	VBROADCASTSS mean+124(FP), Y5
	VBROADCASTSS r+128(FP), Y6
	VXORPS       Y8, Y8, Y8 // sum, lanes 0-7
	VXORPS       Y9, Y9, Y9 // and 8-15
	VXORPS       Y10, Y10, Y10 // dot
	VXORPS       Y11, Y11, Y11
	SUBQ         $16, CX
	JL           tail

loop: // while n >= 16 {
	VMOVUPS     (DI), Y0 // dy
	VMOVUPS     32(DI), Y1
	VMOVUPS     (SI), Y2
	VMOVUPS     32(SI), Y3
	VSUBPS      Y5, Y2, Y2 // x - mean
	VSUBPS      Y5, Y3, Y3
	TESTQ       R11, R11
	JZ          bias
	VMOVUPS     (R9), Y12
	VMOVUPS     32(R9), Y13
	VMULPS      Y6, Y2, Y14
	VMULPS      Y6, Y3, Y15
	VFMADD231PS Y0, Y14, Y12
	VFMADD231PS Y1, Y15, Y13
	VMOVUPS     Y12, (R9)
	VMOVUPS     Y13, 32(R9)
	ADDQ        $64, R9

bias:
	TESTQ   R12, R12
	JZ      weighted
	VADDPS  (R10), Y0, Y12
	VADDPS  32(R10), Y1, Y13
	VMOVUPS Y12, (R10)
	VMOVUPS Y13, 32(R10)
	ADDQ    $64, R10

weighted:
	VADDPS      (DX), Y4, Y12
	VADDPS      32(DX), Y4, Y13
	VMULPS      Y12, Y0, Y0
	VMULPS      Y13, Y1, Y1
	VMOVUPS     Y0, (DI)
	VMOVUPS     Y1, 32(DI)
	VADDPS      Y0, Y8, Y8
	VADDPS      Y1, Y9, Y9
	VFMADD231PS Y0, Y2, Y10
	VFMADD231PS Y1, Y3, Y11
	ADDQ        $64, DI
	ADDQ        $64, SI
	ADDQ        $64, DX
	SUBQ        $16, CX
	JGE         loop // }

tail:
	ADDQ        $16, CX
	JZ          done
	TAIL(CX)
	VMASKMOVPS  (DI), Y14, Y0
	VMASKMOVPS  32(DI), Y15, Y1
	VMASKMOVPS  (SI), Y14, Y2
	VMASKMOVPS  32(SI), Y15, Y3
	VSUBPS      Y5, Y2, Y2
	VSUBPS      Y5, Y3, Y3
	VANDPS      Y14, Y2, Y2 // +0 where there is no element
	VANDPS      Y15, Y3, Y3
	TESTQ       R11, R11
	JZ          lastBias
	VMASKMOVPS  (R9), Y14, Y12
	VMASKMOVPS  32(R9), Y15, Y13
	VMULPS      Y6, Y2, Y7
	VFMADD231PS Y0, Y7, Y12
	VMULPS      Y6, Y3, Y7
	VFMADD231PS Y1, Y7, Y13
	VMASKMOVPS  Y12, Y14, (R9)
	VMASKMOVPS  Y13, Y15, 32(R9)

lastBias:
	TESTQ      R12, R12
	JZ         lastWeighted
	VMASKMOVPS (R10), Y14, Y12
	VMASKMOVPS 32(R10), Y15, Y13
	VADDPS     Y0, Y12, Y12
	VADDPS     Y1, Y13, Y13
	VMASKMOVPS Y12, Y14, (R10)
	VMASKMOVPS Y13, Y15, 32(R10)

lastWeighted:
	VMASKMOVPS  (DX), Y14, Y12
	VMASKMOVPS  32(DX), Y15, Y13
	VADDPS      Y12, Y4, Y12
	VADDPS      Y13, Y4, Y13
	VMULPS      Y12, Y0, Y0
	VMULPS      Y13, Y1, Y1
	VANDPS      Y14, Y0, Y0
	VANDPS      Y15, Y1, Y1
	VMASKMOVPS  Y0, Y14, (DI)
	VMASKMOVPS  Y1, Y15, 32(DI)
	VADDPS      Y0, Y8, Y8
	VADDPS      Y1, Y9, Y9
	VFMADD231PS Y0, Y2, Y10
	VFMADD231PS Y1, Y3, Y11

done:
	VMOVAPS Y8, Y0
	VMOVAPS Y9, Y1
	TREE
	VMOVSS  X0, sum+136(FP)
	VMOVAPS Y10, Y0
	VMOVAPS Y11, Y1
	TREE
	VMOVSS  X0, dot+140(FP)
	VZEROUPPER
	RET

// NORMGRAD is Y0 = fma(-Y6, Y1 - Y7, Y4*(Y0 - Y5)).
#define NORMGRAD \
	VSUBPS       Y5, Y0, Y0 \
	VSUBPS       Y7, Y1, Y1 \
	VMULPS       Y4, Y0, Y0 \
	VFNMADD231PS Y1, Y6, Y0

// func normGradAVX2(dx, u, x []float32, r, shift, slope, mean float32, add bool)
TEXT ·normGradAVX2(SB), NOSPLIT, $0-89
	MOVQ         dx_base+0(FP), DI
	MOVQ         dx_len+8(FP), CX
	MOVQ         u_base+24(FP), SI
	MOVQ         x_base+48(FP), DX
	VBROADCASTSS r+72(FP), Y4
	VBROADCASTSS shift+76(FP), Y5
	VBROADCASTSS slope+80(FP), Y6
	VBROADCASTSS mean+84(FP), Y7
	MOVBLZX      add+88(FP), R9
	SUBQ         $8, CX
	JL           tail

loop: // while n >= 8 {
	VMOVUPS (SI), Y0
	VMOVUPS (DX), Y1
	NORMGRAD
	TESTL   R9, R9
	JZ      store
	VADDPS  (DI), Y0, Y0

store:
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
	NORMGRAD
	TESTL      R9, R9
	JZ         last
	VMASKMOVPS (DI), Y14, Y1
	VADDPS     Y1, Y0, Y0

last:
	VMASKMOVPS Y0, Y14, (DI)

done:
	VZEROUPPER
	RET
