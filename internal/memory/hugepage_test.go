package memory

import "testing"

// Arrays are zeros, of their lengths, and neighbours: a capacity reaches over the next.
func TestArrays(t *testing.T) {
	lengths := []int{16, 3, 0, 1 << 20, 32}
	arrays := Arrays(lengths)
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
	for i, next := range arrays[1:] {
		if a := arrays[i]; len(next) > 0 && &a[:cap(a)][len(a)] != &next[0] {
			t.Errorf("array %d does not begin where array %d ends", i+1, i)
		}
	}
	if got := Arrays(nil); len(got) != 0 {
		t.Errorf("no arrays are %d", len(got))
	}
}
