package work

import (
	"math"
	"slices"
)

// Median returns the middle value, or the mean of the two in the middle; NaN of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Geomean returns the geometric mean of positive values; NaN of none.
func Geomean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(values)))
}

// A Verdict holds a measured value against what it should be.
type Verdict struct {
	What  string
	Value float64
	Bound float64
	Most  bool   // the bound is the most allowed; else the least
	Unit  string // "%" for shares, which are kept as 0 to 1, or "×"
	Host  string // what host the bound is for, where it is not for all. Example: "Zen 4"
	Other bool   // this host is another
}

// Met says whether the value keeps the bound. What was not measured (NaN) does not.
func (v Verdict) Met() bool {
	if v.Most {
		return v.Value <= v.Bound
	}
	return v.Value >= v.Bound
}

// Measured says whether there is a value.
func (v Verdict) Measured() bool { return !math.IsNaN(v.Value) }
