package tol

import (
	"fmt"
	"testing"
)

// told is a test that remembers whether it failed.
type told struct {
	testing.TB
	failed string
}

func (t *told) Helper()                           {}
func (t *told) Errorf(format string, args ...any) { t.failed = fmt.Sprintf(format, args...) }

var kept [][]byte

func TestAllocatesAtMost(t *testing.T) {
	for _, c := range []struct {
		name         string
		pieces, size int
		most         int64
		fails        bool
	}{
		{"nothing", 0, 0, 0, false},
		{"one large piece", 1, 64 << 20, 65 << 20, false},
		{"one large piece too much", 1, 64 << 20, 63 << 20, true},
		{"many small pieces", 10_000, 100, 2 << 20, false},
		{"many small pieces too much", 10_000, 100, 500_000, true},
	} {
		to := &told{TB: t}
		AllocatesAtMost(to, c.most, func() {
			for range c.pieces {
				kept = append(kept[:0], make([]byte, c.size))
			}
		})
		if got := to.failed != ""; got != c.fails {
			t.Errorf("%s: failed %v: %q", c.name, got, to.failed)
		}
	}
	kept = nil
}
