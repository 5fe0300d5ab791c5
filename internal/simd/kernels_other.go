//go:build !amd64

package simd

// Portable code should give the bits of fma16/1. It is a class of its own until tests on such a machine have shown it.
const class = "generic/1"

func available() []Level { return []Level{Generic} }

func tableOf(Level) *kernels { return &generic }
