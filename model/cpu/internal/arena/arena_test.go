package arena

import (
	"testing"
	"unsafe"
)

// What is cut does not overlap but where it is shared, begins cache lines, and is as long as asked for.
func TestCut(t *testing.T) {
	var a Arena
	for _, n := range []int{1, 15, 16, 17, 1000, 3} {
		var all [][]float32
		var ints []int32
		layout := func(c *Cutter) {
			x, y := c.Shared(n, 2*n)
			all = [][]float32{c.Floats(n), c.FloatsIf(true, 2*n), c.FloatsIf(false, n), c.Floats(0), y, c.Floats(1)}
			ints = c.Ints(n)
			if x != nil && (len(x) != n || &x[0] != &y[0]) {
				t.Errorf("%d: what is shared lies apart", n)
			}
		}
		var c Cutter
		layout(&c)
		for i, x := range all {
			if x != nil {
				t.Errorf("counting returns memory for request %d", i)
			}
		}
		need := c.Bytes()
		if err := a.Grow(&c); err != nil {
			t.Fatal(err)
		}
		layout(&c)
		if c.Bytes() != need || a.Bytes() < need {
			t.Errorf("%d: counted %d bytes, cut %d of %d", n, need, c.Bytes(), a.Bytes())
		}
		for i, want := range []int{n, 2 * n, 0, 0, 2 * n, 1} {
			if len(all[i]) != want || cap(all[i]) != want {
				t.Fatalf("%d: request %d has %d of %d elements, want %d", n, i, len(all[i]), cap(all[i]), want)
			}
			for j := range all[i] {
				all[i][j] = float32(i)
			}
			if want > 0 && uintptr(unsafe.Pointer(&all[i][0]))%64 != 0 {
				t.Errorf("%d: request %d begins no cache line", n, i)
			}
		}
		if len(ints) != n {
			t.Errorf("%d: %d integers", n, len(ints))
		}
		for i, x := range all {
			for _, v := range x {
				if v != float32(i) {
					t.Fatalf("%d: request %d overlaps %v", n, i, v)
				}
			}
		}
	}
	if err := a.Free(); err != nil || a.Bytes() != 0 {
		t.Errorf("after Free it has %d bytes: %v", a.Bytes(), err)
	}
}
