//go:build !linux

package simd

import "time"

// now reads the clock of a benchmark.
func now(int) time.Duration { return time.Duration(time.Now().UnixNano()) }
