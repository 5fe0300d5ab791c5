package keep

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// least is the least work of any assignment that fits, by trying all.
func least(n int, c Costs, bytes int64) float64 {
	if n == 0 {
		if bytes >= 0 {
			return 0
		}
		return math.Inf(1)
	}
	best := math.Inf(1)
	for l := range levels {
		best = min(best, c.Work[l]+least(n-1, c, bytes-c.Bytes[l]))
	}
	return best
}

func TestChooseAgainstAllAssignments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 6).Draw(t, "layers")
		input := rapid.Int64Range(0, 9).Draw(t, "input")
		most := input + rapid.Int64Range(0, 9).Draw(t, "most")
		all := most + rapid.Int64Range(0, 9).Draw(t, "all")
		work := float64(rapid.IntRange(0, 9).Draw(t, "work"))
		c := Costs{Bytes: [levels]int64{all, most, input}, Work: [levels]float64{0, work, work + float64(rapid.IntRange(0, 9).Draw(t, "more"))}}
		bytes := rapid.Int64Range(-1, 30*int64(n)).Draw(t, "bytes")

		chosen := make([]Level, n)
		ok := Choose(chosen, c, bytes)
		var took int64
		got := 0.0
		for i, l := range chosen {
			took, got = took+c.Bytes[l], got+c.Work[l]
			if i > 0 && l > chosen[i-1] {
				t.Errorf("levels %v are out of order", chosen)
			}
		}
		want := least(n, c, bytes)
		switch {
		case ok != !math.IsInf(want, 1):
			t.Errorf("found one: %v; the least work is %v", ok, want)
		case !ok:
			if took != int64(n)*input {
				t.Errorf("levels %v, where nothing fits", chosen)
			}
		case took > bytes || got != want:
			t.Errorf("levels %v take %d of %d bytes and %v operations; want %v", chosen, took, bytes, got, want)
		}
	})
}

func TestEverythingIsKeptWhereItFits(t *testing.T) {
	c := Costs{Bytes: [levels]int64{10, 4, 1}, Work: [levels]float64{0, 2, 3}}
	got := make([]Level, 3)
	if ok := Choose(got, c, 30); !ok || got[0] != All || got[2] != All {
		t.Errorf("got %v, %v", got, ok)
	}
	if ok := Choose(got, c, 29); !ok || got[0] != Most || got[1] != All {
		t.Errorf("one byte less: got %v, %v", got, ok)
	}
}
