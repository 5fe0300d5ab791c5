#include "textflag.h"
#include "lanes_amd64.h"

// The numbers of GELU: see exp.go.
DATA ·gelu64+0(SB)/8, $0x4042800000000000 // 37
DATA ·gelu64+8(SB)/8, $0xbfe0000000000000 // -1/2
DATA ·gelu64+16(SB)/8, $0x3ff71547652b82fe // log2 e
DATA ·gelu64+24(SB)/8, $0x3fe62e42fee00000 // ln2Hi64
DATA ·gelu64+32(SB)/8, $0x3dea39ef35793c76 // ln2Lo64
DATA ·gelu64+40(SB)/8, $0x3ff0000000000000 // 1
DATA ·gelu64+48(SB)/8, $0x4010000000000000 // 4
DATA ·gelu64+56(SB)/8, $0x4020000000000000 // 8
DATA ·gelu64+64(SB)/8, $0x3fd9884533d43651 // 1/√(2π)
DATA ·gelu64+72(SB)/8, $0x3e5ae64567f544e4 // 1/11!
DATA ·gelu64+80(SB)/8, $0x3e927e4fb7789f5c // 1/10!
DATA ·gelu64+88(SB)/8, $0x3ec71de3a556c734 // 1/9!
DATA ·gelu64+96(SB)/8, $0x3efa01a01a01a01a // 1/8!
DATA ·gelu64+104(SB)/8, $0x3f2a01a01a01a01a // 1/7!
DATA ·gelu64+112(SB)/8, $0x3f56c16c16c16c17 // 1/6!
DATA ·gelu64+120(SB)/8, $0x3f81111111111111 // 1/5!
DATA ·gelu64+128(SB)/8, $0x3fa5555555555555 // 1/4!
DATA ·gelu64+136(SB)/8, $0x3fc5555555555555 // 1/3!
DATA ·gelu64+144(SB)/8, $0x3fe0000000000000 // 1/2!
DATA ·gelu64+152(SB)/8, $0x3e8ca34a37e19b7e // geluTail[16]
DATA ·gelu64+160(SB)/8, $0x3ea800650371c036 // geluTail[15]
DATA ·gelu64+168(SB)/8, $0xbea8ba87bd63308d // geluTail[14]
DATA ·gelu64+176(SB)/8, $0xbed7eac97b005751 // geluTail[13]
DATA ·gelu64+184(SB)/8, $0x3eacc75097c621a0 // geluTail[12]
DATA ·gelu64+192(SB)/8, $0x3f02636ff539caae // geluTail[11]
DATA ·gelu64+200(SB)/8, $0xbec090ba65050244 // geluTail[10]
DATA ·gelu64+208(SB)/8, $0xbf2e49e3029f6934 // geluTail[9]
DATA ·gelu64+216(SB)/8, $0x3f217ad259cba15f // geluTail[8]
DATA ·gelu64+224(SB)/8, $0x3f5ab8254c191c98 // geluTail[7]
DATA ·gelu64+232(SB)/8, $0xbf6c8172ac79c87c // geluTail[6]
DATA ·gelu64+240(SB)/8, $0xbf7ee2761111f7c6 // geluTail[5]
DATA ·gelu64+248(SB)/8, $0x3faeec4cc4ef3c74 // geluTail[4]
DATA ·gelu64+256(SB)/8, $0xbfc7dff2bff59406 // geluTail[3]
DATA ·gelu64+264(SB)/8, $0x3fd8c6dbf2cef8ea // geluTail[2]
DATA ·gelu64+272(SB)/8, $0xbfe373e3a893c328 // geluTail[1]
DATA ·gelu64+280(SB)/8, $0x3fe82b4bb8c94e33 // geluTail[0]
DATA ·gelu64+288(SB)/8, $0x7fffffffffffffff // all but the sign
DATA ·gelu64+296(SB)/8, $0x00000000000003ff // the exponent of 1
GLOBL ·gelu64(SB), RODATA|NOPTR, $304

// Steps of Horner's rule, with the coefficient at an offset: of the exponential, Y2 by Y4, and of P, Y1 by Y6.
#define EXPTERM(AT) \
	VBROADCASTSD ·gelu64+AT(SB), Y7 \
	VFMADD213PD  Y7, Y4, Y2

#define TAILTERM(AT) \
	VBROADCASTSD ·gelu64+AT(SB), Y7 \
	VFMADD213PD  Y7, Y6, Y1

// GELU is, of x in Y0, Y1 = Φ(x) and Y2 = e^(-x²/2). It uses Y3 to Y8. See geluParts.
#define GELU \
	VBROADCASTSD ·gelu64+288(SB), Y7 \
	VANDPD       Y7, Y0, Y3          \
	VBROADCASTSD ·gelu64+0(SB), Y7   \
	VCMPPD       $14, Y7, Y3, Y8     \ // |x| > 37
	VMINPD       Y3, Y7, Y3          \ // a
	VMULPD       Y3, Y3, Y4          \
	VBROADCASTSD ·gelu64+8(SB), Y7   \
	VMULPD       Y7, Y4, Y4          \ // v
	VBROADCASTSD ·gelu64+16(SB), Y7  \
	VMULPD       Y7, Y4, Y5          \
	VROUNDPD     $8, Y5, Y5          \ // n
	VBROADCASTSD ·gelu64+24(SB), Y7  \
	VFNMADD231PD Y7, Y5, Y4          \
	VBROADCASTSD ·gelu64+32(SB), Y7  \
	VFNMADD231PD Y7, Y5, Y4          \ // r
	VBROADCASTSD ·gelu64+48(SB), Y7  \
	VADDPD       Y7, Y3, Y3          \
	VDIVPD       Y3, Y13, Y3         \ // q
	VBROADCASTSD ·gelu64+56(SB), Y7  \
	VMOVAPD      Y13, Y6             \
	VFNMADD231PD Y7, Y3, Y6          \ // t
	VBROADCASTSD ·gelu64+72(SB), Y2  \
	EXPTERM(80)                      \
	EXPTERM(88)                      \
	EXPTERM(96)                      \
	EXPTERM(104)                     \
	EXPTERM(112)                     \
	EXPTERM(120)                     \
	EXPTERM(128)                     \
	EXPTERM(136)                     \
	EXPTERM(144)                     \
	VFMADD213PD  Y13, Y4, Y2         \
	VFMADD213PD  Y13, Y4, Y2         \
	VCVTPD2DQY   Y5, X5              \
	VPMOVSXDQ    X5, Y5              \
	VBROADCASTSD ·gelu64+296(SB), Y7 \
	VPADDQ       Y7, Y5, Y5          \
	VPSLLQ       $52, Y5, Y5         \
	VMULPD       Y5, Y2, Y2          \
	VANDNPD      Y2, Y8, Y2          \ // 0 where |x| > 37
	VBROADCASTSD ·gelu64+152(SB), Y1 \
	TAILTERM(160)                    \
	TAILTERM(168)                    \
	TAILTERM(176)                    \
	TAILTERM(184)                    \
	TAILTERM(192)                    \
	TAILTERM(200)                    \
	TAILTERM(208)                    \
	TAILTERM(216)                    \
	TAILTERM(224)                    \
	TAILTERM(232)                    \
	TAILTERM(240)                    \
	TAILTERM(248)                    \
	TAILTERM(256)                    \
	TAILTERM(264)                    \
	TAILTERM(272)                    \
	TAILTERM(280)                    \
	VMULPD       Y3, Y2, Y3          \
	VMULPD       Y1, Y3, Y1          \ // Φ(-a)
	VSUBPD       Y1, Y13, Y3         \
	VXORPD       Y7, Y7, Y7          \
	VCMPPD       $13, Y7, Y0, Y7     \ // x >= 0
	VBLENDVPD    Y7, Y3, Y1, Y1

// func geluAVX2(y, x []float32)
TEXT ·geluAVX2(SB), NOSPLIT, $0-48
	MOVQ         y_base+0(FP), DI
	MOVQ         y_len+8(FP), CX
	MOVQ         x_base+24(FP), SI
	VBROADCASTSD ·gelu64+40(SB), Y13 // 1
	SUBQ         $4, CX
	JL           tail

loop: // while n >= 4 {
	VCVTPS2PD  (SI), Y0
	GELU
	VMULPD     Y0, Y1, Y0
	VCVTPD2PSY Y0, X0
	VMOVUPS    X0, (DI)
	ADDQ       $16, SI
	ADDQ       $16, DI
	SUBQ       $4, CX
	JGE        loop // }

tail:
	ADDQ       $4, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), X14, X0
	VCVTPS2PD  X0, Y0
	GELU
	VMULPD     Y0, Y1, Y0
	VCVTPD2PSY Y0, X0
	VMASKMOVPS X0, X14, (DI)

done:
	VZEROUPPER
	RET

// GELUGRAD is GELU, then X0 = x*Φ(x) and X1 = Φ(x) + x*φ(x).
#define GELUGRAD \
	GELU                            \
	VBROADCASTSD ·gelu64+64(SB), Y7 \
	VMULPD       Y7, Y2, Y2         \
	VFMADD213PD  Y1, Y0, Y2         \
	VMULPD       Y0, Y1, Y0         \
	VCVTPD2PSY   Y0, X0             \
	VCVTPD2PSY   Y2, X1

// func geluGradAVX2(y, slope, x []float32)
TEXT ·geluGradAVX2(SB), NOSPLIT, $0-72
	MOVQ         y_base+0(FP), DI
	MOVQ         y_len+8(FP), CX
	MOVQ         slope_base+24(FP), DX
	MOVQ         x_base+48(FP), SI
	VBROADCASTSD ·gelu64+40(SB), Y13 // 1
	SUBQ         $4, CX
	JL           tail

loop: // while n >= 4 {
	VCVTPS2PD (SI), Y0
	GELUGRAD
	VMOVUPS   X0, (DI)
	VMOVUPS   X1, (DX)
	ADDQ      $16, SI
	ADDQ      $16, DX
	ADDQ      $16, DI
	SUBQ      $4, CX
	JGE       loop // }

tail:
	ADDQ       $4, CX
	JZ         done
	TAIL(CX)
	VMASKMOVPS (SI), X14, X0
	VCVTPS2PD  X0, Y0
	GELUGRAD
	VMASKMOVPS X0, X14, (DI)
	VMASKMOVPS X1, X14, (DX)

done:
	VZEROUPPER
	RET
