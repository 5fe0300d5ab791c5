package hugepage

import "testing"

// Arrays are zeros, of their lengths, and neighbours: a capacity reaches over the next.
func TestFloats(t *testing.T) {
	lengths := []int{16, 3, 0, 1 << 20, 32}
	arrays := Floats(lengths)
	for i, a := range arrays {
		if len(a) != lengths[i] {
			t.Fatalf("array %d has %d elements, want %d", i, len(a), lengths[i])
		}
		for j := range a {
			if a[j] != 0 {
				t.Fatalf("array %d: element %d is %v", i, j, a[j])
			}
			a[j] = float32(i + 1)
		}
	}
	for i, a := range arrays {
		for _, v := range a {
			if v != float32(i+1) {
				t.Fatalf("array %d overlaps array %d", i, int(v)-1)
			}
		}
	}
	for i, at := range []int{16, 16, 0, 1 << 20} {
		a, next := arrays[i], arrays[i+1]
		if len(next) > 0 && &a[:cap(a)][at] != &next[0] {
			t.Errorf("array %d does not begin %d elements behind array %d", i+1, at, i)
		}
	}
	if got := Floats(nil); len(got) != 0 {
		t.Errorf("no arrays are %d", len(got))
	}
}
