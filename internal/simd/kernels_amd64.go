package simd

const class = "fma16/1"

func available() []Level { return []Level{Generic} }

func tableOf(l Level) *kernels { return &generic }
