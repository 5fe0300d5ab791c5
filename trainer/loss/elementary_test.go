package loss

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestElementary holds exp and log1p against package math, which is within 1 unit in the last place.
func TestElementary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.OneOf(rapid.Float64Range(-1, 0), rapid.Float64Range(-700, 0)).Draw(t, "x")
		if got, want := exp(x), math.Exp(x); math.Abs(got-want) > 3*ulp(want) {
			t.Fatalf("exp(%g): got %x, want %x", x, got, want)
		}
		y := rapid.OneOf(rapid.Float64Range(0, 1), rapid.Float64Range(0, 1e-10)).Draw(t, "y")
		if got, want := log1p(y), math.Log1p(y); math.Abs(got-want) > 3*ulp(want) {
			t.Fatalf("log1p(%g): got %x, want %x", y, got, want)
		}
	})
}

func TestElementaryEnds(t *testing.T) {
	for _, test := range []struct {
		name      string
		got, want float64
	}{
		{"exp(0)", exp(0), 1},
		{"exp(-Inf)", exp(math.Inf(-1)), 0},
		{"exp(-1e9)", exp(-1e9), 0},
		{"exp(-745)", exp(-745), 5e-324},
		{"exp(NaN)", exp(math.NaN()), math.NaN()},
		{"log1p(0)", log1p(0), 0},
		{"log1p(1)", log1p(1), math.Ln2},
		{"log1p(NaN)", log1p(math.NaN()), math.NaN()},
	} {
		if test.got != test.want && !(math.IsNaN(test.got) && math.IsNaN(test.want)) {
			t.Errorf("%s: got %g, want %g", test.name, test.got, test.want)
		}
	}
}

func ulp(x float64) float64 { return math.Nextafter(x, math.Inf(1)) - x }
