#include "textflag.h"
#include "lanes512_amd64.h"

// Steps of Horner's rule, with the coefficient at an offset: of the exponential, Z2 by Z4, and of P, Z1 by Z6.
#define EXPTERM(AT) \
	VFMADD213PD.BCST ·gelu64+AT(SB), Z4, Z2

#define TAILTERM(AT) \
	VFMADD213PD.BCST ·gelu64+AT(SB), Z6, Z1

// GELU is, of x in Z0, Z1 = Φ(x) and Z2 = e^(-x²/2). It uses Z3 to Z6 and K2. See geluParts.
#define GELU \
	VANDPD.BCST  ·gelu64+288(SB), Z0, Z3 \
	VCMPPD       $14, Z16, Z3, K2        \ // |x| > 37
	VMINPD       Z3, Z16, Z3             \ // a
	VMULPD       Z3, Z3, Z4              \
	VMULPD       Z17, Z4, Z4             \ // v
	VMULPD       Z18, Z4, Z5             \
	VRNDSCALEPD  $8, Z5, Z5              \ // n
	VFNMADD231PD Z19, Z5, Z4             \
	VFNMADD231PD Z20, Z5, Z4             \ // r
	VADDPD       Z22, Z3, Z3             \
	VDIVPD       Z3, Z21, Z3             \ // q
	VMOVAPD      Z21, Z6                 \
	VFNMADD231PD Z23, Z3, Z6             \ // t
	VBROADCASTSD ·gelu64+72(SB), Z2      \
	EXPTERM(80)                          \
	EXPTERM(88)                          \
	EXPTERM(96)                          \
	EXPTERM(104)                         \
	EXPTERM(112)                         \
	EXPTERM(120)                         \
	EXPTERM(128)                         \
	EXPTERM(136)                         \
	EXPTERM(144)                         \
	VFMADD213PD  Z21, Z4, Z2             \
	VFMADD213PD  Z21, Z4, Z2             \
	VSCALEFPD    Z5, Z2, Z2              \
	VPXORQ       Z5, Z5, Z5              \
	VMOVAPD      Z5, K2, Z2              \ // 0 where |x| > 37
	VBROADCASTSD ·gelu64+152(SB), Z1     \
	TAILTERM(160)                        \
	TAILTERM(168)                        \
	TAILTERM(176)                        \
	TAILTERM(184)                        \
	TAILTERM(192)                        \
	TAILTERM(200)                        \
	TAILTERM(208)                        \
	TAILTERM(216)                        \
	TAILTERM(224)                        \
	TAILTERM(232)                        \
	TAILTERM(240)                        \
	TAILTERM(248)                        \
	TAILTERM(256)                        \
	TAILTERM(264)                        \
	TAILTERM(272)                        \
	TAILTERM(280)                        \
	VMULPD       Z3, Z2, Z3              \
	VMULPD       Z1, Z3, Z1              \ // Φ(-a)
	VCMPPD       $13, Z5, Z0, K2         \ // x >= 0
	VSUBPD       Z1, Z21, K2, Z1

#define CONSTANTS \
	VBROADCASTSD ·gelu64+0(SB), Z16  \
	VBROADCASTSD ·gelu64+8(SB), Z17  \
	VBROADCASTSD ·gelu64+16(SB), Z18 \
	VBROADCASTSD ·gelu64+24(SB), Z19 \
	VBROADCASTSD ·gelu64+32(SB), Z20 \
	VBROADCASTSD ·gelu64+40(SB), Z21 \
	VBROADCASTSD ·gelu64+48(SB), Z22 \
	VBROADCASTSD ·gelu64+56(SB), Z23 \
	VBROADCASTSD ·gelu64+64(SB), Z24

// func geluAVX512(y, x []float32)
TEXT ·geluAVX512(SB), NOSPLIT, $0-48
	MOVQ   y_base+0(FP), DI
	MOVQ   y_len+8(FP), CX
	MOVQ   x_base+24(FP), SI
	CONSTANTS
	TESTQ  CX, CX
	JLE    done
	KXNORW K1, K1, K1

loop: // while n > 0 {
	CMPQ CX, $8
	JGE  body
	MASK

body:
	VCVTPS2PD.Z (SI), K1, Z0
	GELU
	VMULPD      Z0, Z1, Z0
	VCVTPD2PS   Z0, Y0
	VMOVUPS     Y0, K1, (DI)
	ADDQ        $32, SI
	ADDQ        $32, DI
	SUBQ        $8, CX
	JG          loop // }

done:
	VZEROUPPER
	RET

// func geluGradAVX512(y, slope, x []float32)
TEXT ·geluGradAVX512(SB), NOSPLIT, $0-72
	MOVQ   y_base+0(FP), DI
	MOVQ   y_len+8(FP), CX
	MOVQ   slope_base+24(FP), DX
	MOVQ   x_base+48(FP), SI
	CONSTANTS
	TESTQ  CX, CX
	JLE    done
	KXNORW K1, K1, K1

loop: // while n > 0 {
	CMPQ CX, $8
	JGE  body
	MASK

body:
	VCVTPS2PD.Z (SI), K1, Z0
	GELU
	VMULPD      Z24, Z2, Z2
	VFMADD213PD Z1, Z0, Z2
	VMULPD      Z0, Z1, Z0
	VCVTPD2PS   Z2, Y2
	VCVTPD2PS   Z0, Y0
	VMOVUPS     Y0, K1, (DI)
	VMOVUPS     Y2, K1, (DX)
	ADDQ        $32, SI
	ADDQ        $32, DX
	ADDQ        $32, DI
	SUBQ        $8, CX
	JG          loop // }

done:
	VZEROUPPER
	RET
