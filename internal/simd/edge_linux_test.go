package simd

import (
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/steelyard-ml/steelyard/internal/memory"
)

// beforeEdge returns n bytes that end where memory ends that may be read.
func beforeEdge(t *testing.T, n int) []byte {
	t.Helper()
	page := os.Getpagesize()
	whole := (n + page - 1) / page * page
	b, err := unix.Mmap(-1, 0, whole+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	if err := unix.Mprotect(b[whole:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return b[whole-n : whole]
}

// TestNothingIsReadBeyondTheEnd runs every kernel of rows on vectors that end where memory does: reading one element too many is a fault.
func TestNothingIsReadBeyondTheEnd(t *testing.T) {
	const most = 70
	r := rand.New(rand.NewPCG(31, 32))
	var data [6][]byte
	for i := range data {
		data[i] = beforeEdge(t, 4*most)
	}
	ending := func(i, n int) []byte { return data[i][4*most-n:] }
	for _, l := range available() {
		k := tableOf(l)
		for n := range most {
			var v [5][]float32
			for i := range v {
				v[i] = memory.Float32s(ending(i, 4*n))
				copy(v[i], normals(r, n))
			}
			for _, c := range vectorKernels {
				c.call(k, v, [8]float32{1, 2, 3, 4, 5, 6, 7, 8})
			}
			k.widenBF16(v[0], memory.Uint16s(ending(5, 2*n)))
			k.widenF16(v[0], memory.Uint16s(ending(5, 2*n)))
			k.widen4(v[0], ending(5, (n+1)/2), new([16]float32), 1)
		}
	}
}
