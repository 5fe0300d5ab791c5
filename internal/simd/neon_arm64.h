// Vector instructions that Go's assembler lacks, as words. Operands are the numbers of V registers, in its order: the destination last. An
// instruction op d, n, m has m in bits 16 to 20, n in bits 5 to 9 and d in bits 0 to 4 (Arm Architecture Reference Manual for A-profile, C4.1,
// "Advanced SIMD three same" and "Advanced SIMD two-register miscellaneous"; C7.2 gives the op). Bit 22 makes two float64s of four float32s.
#define OP3(op, m, n, d) WORD $(op | (m)<<16 | (n)<<5 | (d))
#define OP2(op, n, d)    WORD $(op | (n)<<5 | (d))

// Four float32s each; d = n op m.
#define FADD(m, n, d)  OP3(0x4E20D400, m, n, d)
#define FSUB(m, n, d)  OP3(0x4EA0D400, m, n, d)
#define FMUL(m, n, d)  OP3(0x6E20DC00, m, n, d)
#define FDIV(m, n, d)  OP3(0x6E20FC00, m, n, d)
#define FMAX(m, n, d)  OP3(0x4E20F400, m, n, d) // a NaN when one is
#define FMIN(m, n, d)  OP3(0x4EA0F400, m, n, d)
#define FMLA(m, n, d)  OP3(0x4E20CC00, m, n, d) // d += n*m, rounded once
#define FMLS(m, n, d)  OP3(0x4EA0CC00, m, n, d) // d -= n*m
#define FCMGT(m, n, d) OP3(0x6EA0E400, m, n, d) // ones where n > m, else zeros; so of a NaN
#define FCMEQ(m, n, d) OP3(0x4E20E400, m, n, d)
#define FSQRT(n, d)    OP2(0x6EA1F800, n, d)
#define FABS(n, d)     OP2(0x4EA0F800, n, d)
#define FNEG(n, d)     OP2(0x6EA0F800, n, d)
#define FRINTN(n, d)   OP2(0x4E218800, n, d) // to an integer, ties to even
#define FCVTZS(n, d)   OP2(0x4EA1B800, n, d) // to an int32

// Two float64s each.
#define FADDD(m, n, d) OP3(0x4E60D400, m, n, d)
#define FSUBD(m, n, d) OP3(0x4EE0D400, m, n, d)
#define FMULD(m, n, d) OP3(0x6E60DC00, m, n, d)
#define FMLAD(m, n, d) OP3(0x4E60CC00, m, n, d)

// Widening the lower half of a register, and the upper; narrowing into the lower half, and into the upper.
#define HALFLOW(n, d)    OP2(0x0E217800, n, d) // FCVTL: 4 half-precision numbers to float32s
#define HALFHIGH(n, d)   OP2(0x4E217800, n, d)
#define DOUBLELOW(n, d)  OP2(0x0E617800, n, d) // FCVTL: 2 float32s to float64s
#define DOUBLEHIGH(n, d) OP2(0x4E617800, n, d)
#define SINGLELOW(n, d)  OP2(0x0E616800, n, d) // FCVTN: 2 float64s to float32s
#define SINGLEHIGH(n, d) OP2(0x4E616800, n, d)
#define SHIFTLOW(n, d)   OP2(0x2E613800, n, d) // SHLL: 4 16-bit words to the upper halves of 32-bit words
#define SHIFTHIGH(n, d)  OP2(0x6E613800, n, d)

// Integers and bits.
#define MOVE(n, d)    OP3(0x4EA01C00, n, n, d) // ORR
#define ZERO(d)       OP3(0x6E201C00, d, d, d) // EOR
#define SELECT(m, n, d) OP3(0x6E601C00, m, n, d) // BSL: n where the bits of d are ones, else m
#define IADD(m, n, d) OP3(0x4EA08400, m, n, d) // four int32s
#define ISUB(m, n, d) OP3(0x6EA08400, m, n, d)
#define HALVE(n, d)   OP2(0x4F3F0400, n, d) // SSHR by 1: 64-1 in bits 16 to 22
#define EXPONENT(n, d) OP2(0x4F375400, n, d) // SHL by 23: 32+23 there

// FMLAE is d += n*m[0], by the first element of m (bits 11 and 21 hold the number of the element).
#define FMLAE(m, n, d) OP3(0x4F801000, m, n, d)
