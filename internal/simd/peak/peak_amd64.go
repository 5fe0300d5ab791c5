package peak

// AVX2 issues n times 12 independent fused multiply-adds of 8 lanes, 192·n floating-point operations.
func AVX2(n int)
