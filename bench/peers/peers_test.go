package peers

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func TestParseOpenBLAS(t *testing.T) {
	if got, want := config("OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY Cooperlake MAX_THREADS=64\n"), "OpenBLAS 0.3.21 DYNAMIC_ARCH Cooperlake"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if s, err := seconds("0.00703\n"); err != nil || s != 0.00703 {
		t.Errorf("%v, %v", s, err)
	}
	for _, line := range []string{"", "\n", "x", "0", "-1", "NaN"} {
		if s, err := seconds(line); err == nil {
			t.Errorf("%q are %v seconds", line, s)
		}
	}
}

func TestOpenBLAS(t *testing.T) {
	b, err := StartOpenBLAS("c/openblas.c", filepath.Join(t.TempDir(), "openblas"))
	if errors.Is(err, ErrNoOpenBLAS) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, layout := range []string{"NT", "NN", "TN"} {
		if s, err := b.Gemm(layout, 2, 7, 5, 3, time.Microsecond); err != nil || s > 1 {
			t.Errorf("%s: %v s, %v", layout, s, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.Gemm("NT", 1, 1, 1, 1, 0); err == nil {
		t.Error("it multiplies when it is closed")
	}
}
