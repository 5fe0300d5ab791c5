//go:build !amd64 && !arm64

package simd

import "runtime"

// Portable code should give the bits of fma16/2. It is a class of its own until tests on such a machine have shown it.
const class = "generic/2"

func available() []Level { return []Level{Generic} }

func tableOf(Level) *kernels { return &generic }

// hostCaches returns sizes that most processors have.
func hostCaches() caches { return caches{l1: 32 << 10, l2: 512 << 10, l3: 8 << 20} }

// pause passes a moment.
func pause() { runtime.Gosched() }
