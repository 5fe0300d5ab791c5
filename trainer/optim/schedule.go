package optim

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Schedule gives the factor of the learning rate in every step of a run.
type Schedule struct {
	name          string
	warmup, total int
}

// names are the schedules there are, as transformers names them.
var names = []string{"linear", "cosine", "constant", "constant_with_warmup"}

// NewSchedule returns the schedule of that name (lr_scheduler_type), over total steps of which the first warmup rise from 0.
func NewSchedule(name string, warmup, total int) (Schedule, error) {
	if !slices.Contains(names, name) {
		return Schedule{}, fmt.Errorf("there is no schedule %q; use one of %s", name, strings.Join(names, ", "))
	}
	return Schedule{name, warmup, total}, nil
}

// At returns the factor in step k, counted from 0, with W warmup and N total steps:
//
//	k < W:     k/W                              // not with constant
//	linear:    (N − k)/(N − W)
//	cosine:    ½·(1 + cos(π·(k − W)/(N − W)))
//	constant, constant_with_warmup:  1
//
// as the functions of the same names in transformers/optimization.py.
func (s Schedule) At(k int) float64 {
	if s.name == "constant" {
		return 1
	}
	if k < s.warmup {
		return float64(k) / float64(s.warmup)
	}
	rest := float64(max(1, s.total-s.warmup)) // as there: a warmup as long as the run divides by nothing
	switch s.name {
	case "linear":
		return math.Max(0, float64(s.total-k)/rest)
	case "cosine":
		return math.Max(0, 0.5*(1+cosPi(float64(k-s.warmup)/rest)))
	}
	return 1
}

// cosPi returns cos(π·x) for x in [0, 1], the same bits on every machine (math.Cos does not promise it: whether products are fused
// into sums depends on the build). By symmetry x comes into [0, ¼], where Taylor polynomials of degree 16 and 17 leave out less
// than 2^-58.
func cosPi(x float64) float64 {
	switch {
	case x > 0.5:
		return -cosPi(1 - x)
	case x > 0.25:
		y := math.Pi * (0.5 - x) // cos(πx) = sin(y)
		return float64(y * series(y, 17))
	}
	return series(math.Pi*x, 16)
}

// series returns 1 − y²/(n(n−1))·(…) down from the last n: the Taylor series of cos y for even n, of sin y / y for odd n.
func series(y float64, n int) float64 {
	q, sum := y*y, 1.0
	for ; n >= 2; n -= 2 {
		sum = 1 - float64(q/float64(n*(n-1))*sum)
	}
	return sum
}
